//! What a session is built with, beside the client's configuration.

use crate::socket::Setup;
#[cfg(feature = "tls")]
use crate::tls::Tls;
use std::fmt;

/// What a [`Session`](crate::Session) is built with, beside the client's configuration.
#[derive(Clone, Default)]
pub struct SessionOptions {
    pub(crate) seed: Option<[u8; 32]>,
    #[cfg(feature = "tls")]
    tls: Tls,
}

impl SessionOptions {
    /// A seed of the operating system, and the roots that Mozilla trusts.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A seed of your own, as in [`Session::with_seed`](crate::Session::with_seed).
    #[must_use]
    pub fn seed(mut self, seed: [u8; 32]) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Whom `wss://` trusts.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn tls(mut self, tls: Tls) -> Self {
        self.tls = tls;
        self
    }

    #[cfg_attr(
        not(feature = "websocket"),
        expect(unused_variables, reason = "messages are put together by core")
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
