//! [`SessionOptions`]: options of the driver, beside the client's configuration.

use crate::transport::Setup;
#[cfg(feature = "tls")]
use crate::transport::tls::Tls;
use std::fmt;

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

    #[cfg_attr(
        not(feature = "websocket"),
        expect(
            unused_variables,
            reason = "only WebSocket limits messages in the driver"
        )
    )]
    pub(crate) fn setup(self, limits: &chat_core::Limits) -> Setup {
        Setup {
            #[cfg(feature = "tls")]
            tls: self.tls,
            #[cfg(feature = "websocket")]
            max_message_bytes: limits.max_received_bytes,
        }
    }
}

impl fmt::Debug for SessionOptions {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = out.debug_struct("SessionOptions");
        out.field("seed", &self.seed.map(|_| "***"));
        #[cfg(feature = "tls")]
        out.field("tls", &self.tls);
        out.finish()
    }
}
