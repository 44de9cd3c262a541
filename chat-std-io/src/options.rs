//! [`SessionOptions`]: options of the driver, beside the client's configuration.

use crate::connect::pool::SessionKey;
use crate::connect::resolver::Resolver;
use crate::transport::Setup;
#[cfg(feature = "tls")]
use crate::transport::tls::Tls;
use chat_core::ChatClient;
use std::fmt;
use std::io;
use std::net::SocketAddr;

/// Options of a [`Session`](crate::Session), beside the client's configuration. Opaque; options may
/// be added.
///
/// ```
/// use chat_std_io::SessionOptions;
///
/// let options = SessionOptions::new().seed([7; 32]);
/// ```
#[derive(Clone, Default)]
pub struct SessionOptions {
    pub(crate) seed: Option<[u8; 32]>,
    resolver: Resolver,
    #[cfg(feature = "tls")]
    tls: Tls,
}

impl SessionOptions {
    /// The defaults: a seed from the operating system, and the roots that Mozilla trusts.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets your own seed. Keys are derived from it, so anyone who can guess it can read what is
    /// encrypted: except in tests, it must be unpredictable and used once.
    #[must_use]
    pub fn seed(mut self, seed: [u8; 32]) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Replaces the system's name resolver: for split DNS, pinned addresses, and tests. It is given
    /// a host name and a port, and returns the addresses to connect to, best first.
    ///
    /// It may block: it runs on a thread that is made for it, never in a pass. At most 64 lookups
    /// run at one time in the process, and at most four of one session; if several sessions share a
    /// resolver (clones of one [`SessionOptions`]) and ask for the same name at the same time, one
    /// answer may serve all of them. A result without addresses is an error.
    ///
    /// An IP address is not looked up, with one exception: if this machine has no route to an IPv4
    /// address, the resolver is given that address as text. Networks with IPv6 only may reach it
    /// under another address (NAT64). A resolver that knows none returns the same address or an
    /// error; it is then asked for the name `ipv4only.arpa`, which such networks translate (RFC
    /// 7050).
    ///
    /// ```
    /// use chat_std_io::SessionOptions;
    /// use std::net::{SocketAddr, ToSocketAddrs};
    ///
    /// // Pins the address of one name, and leaves the others to the system.
    /// let options = SessionOptions::new().resolver(|host, port| match host {
    ///     "chat.game.test" => Ok(vec![SocketAddr::from(([127, 0, 0, 1], port))]),
    ///     other => Ok((other, port).to_socket_addrs()?.collect()),
    /// });
    /// ```
    #[must_use]
    pub fn resolver(
        mut self,
        resolver: impl Fn(&str, u16) -> io::Result<Vec<SocketAddr>> + Send + Sync + 'static,
    ) -> Self {
        self.resolver = Resolver::new(resolver);
        self
    }

    /// Sets the servers that `wss://` trusts.
    ///
    /// ```no_run
    /// use chat_std_io::{SessionOptions, Tls};
    ///
    /// let root = std::fs::read("my-root.pem")?;
    /// let options = SessionOptions::new().tls(Tls::with_root(&root)?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn tls(mut self, tls: Tls) -> Self {
        self.tls = tls;
        self
    }

    pub(crate) fn setup(self, chat: &ChatClient) -> Setup {
        Setup {
            resolver: self.resolver,
            session: SessionKey::new(),
            connect_timeout: chat.connect_timeout(),
            #[cfg(feature = "tls")]
            tls: self.tls,
            #[cfg(feature = "websocket")]
            max_message_bytes: chat.limits().max_received_bytes,
        }
    }
}

impl fmt::Debug for SessionOptions {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = out.debug_struct("SessionOptions");
        out.field("seed", &self.seed.map(|_| "***"));
        out.field("resolver", &self.resolver);
        #[cfg(feature = "tls")]
        out.field("tls", &self.tls);
        out.finish()
    }
}
