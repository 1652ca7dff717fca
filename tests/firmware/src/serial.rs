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
        match exchange(&mut self.0.clone(), to, headers, payload) {
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

/// Out of line, so that the buffer is on the stack for no longer than it is used.
#[inline(never)]
fn exchange<S: Read + Write, D: AsRef<[u8]>>(
    line: &mut S,
    to: &Url<'_>,
    headers: &[Header<'_>],
    payload: &Payload<D>,
) -> Result<u16, Fault> {
    // For the head that goes out and, after it, for the one that comes in.
    let mut buffer = [0; MAX_HEAD];
    send(line, &mut buffer, to, headers, payload)?;
    answer(line, &mut buffer)
}

fn send<S: Write, D: AsRef<[u8]>>(
    line: &mut S,
    buffer: &mut [u8],
    to: &Url<'_>,
    headers: &[Header<'_>],
    payload: &Payload<D>,
) -> Result<(), Fault> {
    let head = RequestHead { url: to, headers, content_length: payload.len() }.write(buffer);
    line.write(head.map_err(|_| Fault::Protocol)?).map_err(|_| Fault::Closed)?;
    payload.write_to(line).map_err(|_| Fault::Closed)
}

/// The status of the answer, of which nothing is left on the line.
fn answer<S: Read>(line: &mut S, buffer: &mut [u8]) -> Result<u16, Fault> {
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
        let count = read(line, buffer)?;
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
