//! The key exchange of a connection. Spec: wire.md 8.1.

use super::{Peer, Phase};
use crate::config::{ChatConfig, Encryption};
use crate::state::KeyExchangeFailure;
use photon_proto::Random;

/// What the key exchange keeps between request and answer.
#[derive(Debug, Default)]
pub(crate) struct Handshake {
    #[cfg(feature = "encryption")]
    exchange: Option<photon_proto::crypto::KeyExchange>,
}

impl Peer {
    /// Sends the client's key, or goes straight on if encryption is off or the link is secure by itself.
    pub(crate) fn begin_key_exchange(
        &mut self,
        config: &ChatConfig,
        random: &mut Random,
    ) -> Result<(), KeyExchangeFailure> {
        if config.encryption == Encryption::Off || self.carrier.is_secure() {
            self.phase = Phase::Ready;
            return Ok(());
        }
        if self.carrier.is_json() {
            return Err(KeyExchangeFailure::NotPossible);
        }
        self.send_key(config, random)
    }

    #[cfg(feature = "encryption")]
    fn send_key(
        &mut self,
        config: &ChatConfig,
        random: &mut Random,
    ) -> Result<(), KeyExchangeFailure> {
        use photon_proto::{crypto::KeyExchange, internal};

        let exchange = KeyExchange::new(random);
        let protocol = self.protocol;
        self.send(false, false, |buffer| {
            Ok(internal::encode_key_request(
                buffer,
                protocol,
                &config.limits,
                exchange.public_key(),
            )?)
        })
        .map_err(|_| KeyExchangeFailure::NotSent)?;
        self.handshake.exchange = Some(exchange);
        Ok(())
    }

    #[cfg(not(feature = "encryption"))]
    fn send_key(
        &mut self,
        _config: &ChatConfig,
        _random: &mut Random,
    ) -> Result<(), KeyExchangeFailure> {
        Err(KeyExchangeFailure::NotCompiledIn)
    }

    /// Takes the server's key. Degenerate ones are refused.
    #[cfg(feature = "encryption")]
    pub(crate) fn finish_key_exchange(
        &mut self,
        server_key: &[u8],
    ) -> Result<(), KeyExchangeFailure> {
        use photon_proto::crypto::Cipher;

        let exchange = self
            .handshake
            .exchange
            .take()
            .ok_or(KeyExchangeFailure::NoKey)?;
        let key = exchange
            .agree(server_key)
            .map_err(|_| KeyExchangeFailure::BadKey)?;
        self.cipher = Some(Cipher::new(&key));
        self.phase = Phase::Ready;
        Ok(())
    }

    #[cfg(not(feature = "encryption"))]
    pub(crate) fn finish_key_exchange(
        &mut self,
        _server_key: &[u8],
    ) -> Result<(), KeyExchangeFailure> {
        Err(KeyExchangeFailure::NotCompiledIn)
    }
}
