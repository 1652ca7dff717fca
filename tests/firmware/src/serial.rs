//! HTTP/1.1 over one serial line that somebody has joined to the receiver.

use embedded_io::{Read, Write};
use sealpost_core::host::Transport;
use sealpost_core::http::{Header, RequestHead, ResponseHead};
use sealpost_core::{Fault, Gone, Outcome, Payload, Url};

/// The longest head, in and out, that this line is used for.
const MAX_HEAD: usize = 256;

/// A transport over a line that blocks, such as a UART: its posts are ready at their first poll.
#[derive(Clone, Copy, Debug)]
pub struct Line<S>(pub S);

impl<S: Read + Write + Copy> Transport for Line<S> {
    type Answer = Outcome;

    async fn post<D: AsRef<[u8]>>(
        &self,
        to: &Url<'_>,
        headers: &[Header<'_>],
        payload: &Payload<D>,
    ) -> Outcome {
        let mut line = self.0;
        let sent = send(&mut line, to, headers, payload);
        let status = sent.and_then(|()| answer(&mut line));
        match status {
            Ok(status) => {
                defmt::info!("POST {=str}: {=u16}", to.path_and_query(), status);
                Outcome::from_status(status, None, Gone::Retry)
            }
            Err(fault) => {
                defmt::warn!("POST {=str}: {}", to.path_and_query(), fault);
                Outcome::retry(fault)
            }
        }
    }
}

fn send<S: Write, D: AsRef<[u8]>>(
    line: &mut S,
    to: &Url<'_>,
    headers: &[Header<'_>],
    payload: &Payload<D>,
) -> Result<(), Fault> {
    let mut head = [0; MAX_HEAD];
    let head = RequestHead { url: to, headers, content_length: payload.len() }.write(&mut head);
    line.write(head.map_err(|_| Fault::Protocol)?).map_err(|_| Fault::Closed)?;
    payload.write_to(line).map_err(|_| Fault::Closed)
}

/// The status of the answer, of which nothing is left on the line.
fn answer<S: Read>(line: &mut S) -> Result<u16, Fault> {
    let mut buffer = [0; MAX_HEAD];
    let mut filled = 0;
    // Byte by byte, as a UART has them: so nothing of the body is read with the head.
    let (status, mut body) = loop {
        let place = buffer.get_mut(filled..filled + 1).ok_or(Fault::Protocol)?;
        filled += read(line, place)?;
        match ResponseHead::parse(buffer.get(..filled).unwrap_or_default()) {
            Ok(None) => {}
            Ok(Some((head, _))) if head.is_interim() => filled = 0,
            Ok(Some((head, _))) => break (head.status(), head.body()),
            Err(_) => return Err(Fault::Protocol),
        }
    };
    while !body.is_complete() {
        let count = read(line, &mut buffer)?;
        body.feed(buffer.get(..count).unwrap_or_default()).map_err(|_| Fault::Protocol)?;
    }
    Ok(status)
}

fn read<S: Read>(line: &mut S, buffer: &mut [u8]) -> Result<usize, Fault> {
    match line.read(buffer) {
        Ok(0) | Err(_) => Err(Fault::Closed),
        Ok(count) => Ok(count),
    }
}
