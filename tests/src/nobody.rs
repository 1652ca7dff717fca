//! An address where nobody listens.

use std::net::SocketAddr;

use tokio::net::TcpSocket;

/// Refuses connections for as long as it lives. The port is its own until then: one that was given away may be given to
/// the receiver of another test meanwhile, which then gets what was never meant for it.
pub struct Nobody {
    socket: TcpSocket,
}

impl Nobody {
    /// On a free port of 127.0.0.1.
    ///
    /// # Panics
    /// If there is none.
    #[must_use]
    pub fn start() -> Self {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.bind(SocketAddr::from(([127, 0, 0, 1], 0))).expect("a free port");
        Self { socket }
    }

    /// Where that is.
    ///
    /// # Panics
    /// Never.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.socket.local_addr().expect("a bound socket")
    }

    /// The absolute URL of this path there.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address())
    }
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn connections_are_refused_and_the_port_is_taken() {
        let nobody = Nobody::start();
        let refused = TcpStream::connect(nobody.address()).expect_err("nobody listens");
        assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
        let taken = TcpListener::bind(nobody.address()).expect_err("the port is taken");
        assert_eq!(taken.kind(), ErrorKind::AddrInUse);
    }
}
