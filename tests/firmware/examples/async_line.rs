//! The same line to a receiver without blocking: the glue for an executor that does other things while the line is
//! slow, and for `embedded-io-async`. The [driver](sealpost_core::driver) takes it as it takes the blocking one, and
//! gives an attempt up at its deadline.
//!
//! A library, since what it is made into is the executor's concern: `cargo build --example async_line`.
#![no_std]

use embedded_io_async::{Read, Write};
use sealpost_core::host::Transport;
use sealpost_core::http::{Header, RequestHead, ResponseHead};
use sealpost_core::{Fault, Gone, Outcome, Payload, Url};

/// The longest head, in and out, that this line is used for.
const MAX_HEAD: usize = 256;

/// A transport over a line whose reads and writes wait.
#[derive(Clone, Copy, Debug)]
pub struct AsyncLine<S>(pub S);

impl<S: Read + Write + Copy> Transport for AsyncLine<S> {
    type Answer = Outcome;

    async fn post<D: AsRef<[u8]>>(
        &self,
        to: &Url<'_>,
        headers: &[Header<'_>],
        payload: &Payload<D>,
    ) -> Outcome {
        let mut line = self.0;
        // For the head that goes out and, after it, for the one that comes in.
        let mut buffer = [0; MAX_HEAD];
        let head = RequestHead { url: to, headers, content_length: payload.len() }.write(&mut buffer);
        let sent = match head {
            Ok(head) => send(&mut line, head, payload).await,
            Err(_) => Err(Fault::Protocol),
        };
        let status = match sent {
            Ok(()) => answer(&mut line, &mut buffer).await,
            Err(fault) => Err(fault),
        };
        status.map_or_else(Outcome::retry, |status| Outcome::from_status(status, None, Gone::Retry))
    }
}

async fn send<S: Write, D: AsRef<[u8]>>(
    line: &mut S,
    head: &[u8],
    payload: &Payload<D>,
) -> Result<(), Fault> {
    let [prefix, event_data, end] = payload.chunks();
    for mut rest in [head, prefix, event_data, end] {
        // Not `write_all`, which panics where a line takes nothing.
        while !rest.is_empty() {
            let taken = line.write(rest).await.map_err(|_| Fault::Closed)?;
            rest = rest.get(taken..).filter(|_| taken > 0).ok_or(Fault::Closed)?;
        }
    }
    line.flush().await.map_err(|_| Fault::Closed)
}

/// The status of the answer, of which nothing is left on the line.
async fn answer<S: Read>(line: &mut S, buffer: &mut [u8]) -> Result<u16, Fault> {
    let mut filled = 0;
    // Byte by byte: so nothing of the body is read with the head.
    let (status, mut body) = loop {
        let place = buffer.get_mut(filled..filled + 1).ok_or(Fault::Protocol)?;
        filled += read(line, place).await?;
        match ResponseHead::parse(buffer.get(..filled).unwrap_or_default()) {
            Ok(None) => {}
            Ok(Some((head, _))) if head.is_interim() => filled = 0,
            Ok(Some((head, _))) => break (head.status(), head.body()),
            Err(_) => return Err(Fault::Protocol),
        }
    };
    while !body.is_complete() {
        let count = read(line, buffer).await?;
        body.feed(buffer.get(..count).unwrap_or_default()).map_err(|_| Fault::Protocol)?;
    }
    Ok(status)
}

async fn read<S: Read>(line: &mut S, buffer: &mut [u8]) -> Result<usize, Fault> {
    match line.read(buffer).await {
        Ok(0) | Err(_) => Err(Fault::Closed),
        Ok(count) => Ok(count),
    }
}
