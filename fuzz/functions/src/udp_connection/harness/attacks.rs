//! Datagrams that an attacker sends or changes.

use super::{Harness, has_challenge};
use crate::datagram::repair;
use crate::udp_connection::script::{Attack, End};
use crate::udp_connection::server::Server;
use crate::udp_connection::{CHALLENGE, CLIENT_ADDRESS, PEER_ID};

/// The flags of a datagram with a checksum. Spec: udp.md 1.2
const CRC_FLAGS: u8 = 0xCC;
/// The peer id of a stranger who has not observed one.
const STRANGE_PEER_ID: u16 = 0x1234;

impl Harness {
    pub(super) fn attack(&mut self, attack: &Attack) {
        match attack {
            Attack::Forge { to, forgery } => {
                self.forged = true;
                let (observer, peer_id) = match to {
                    End::Client => (&mut self.observed_client, 0),
                    End::Server => (&mut self.observed_server, PEER_ID),
                };
                let bytes = observer.forge(forgery, peer_id);
                self.arrive(*to, &bytes);
            }
            Attack::Raw { to, known, bytes } => {
                let mut bytes = bytes.to_vec();
                if let (true, Some(challenge)) = (*known, bytes.get_mut(8..12)) {
                    challenge.copy_from_slice(&CHALLENGE.to_be_bytes());
                    repair(&mut bytes);
                }
                if has_challenge(&bytes) {
                    self.forged = true;
                    self.arrive(*to, &bytes);
                } else {
                    self.strange(*to, 1, &bytes);
                }
            }
            Attack::Strange {
                to,
                address,
                forgery,
            } => {
                let observer = &mut self.observed_strange[usize::from(address.get())];
                let bytes = observer.forge(forgery, STRANGE_PEER_ID);
                self.strange(*to, address.get(), &bytes);
            }
        }
    }

    pub(super) fn corrupt(&mut self, to: End, which: u8, bit: u16) {
        let Some(mut bytes) = self.network.copy(to, which) else {
            return;
        };
        let at = usize::from(bit) / 8 % bytes.len();
        // A checksum finds each changed bit, and so does the challenge.
        let detected = bytes.get(2) == Some(&CRC_FLAGS) || (8..12).contains(&at);
        bytes[at] ^= 1 << (bit % 8);
        if detected {
            let before = self.snapshots();
            self.arrive(to, &bytes);
            assert_eq!(before, self.snapshots(), "a corrupt datagram had an effect");
        } else {
            self.forged = true;
            self.arrive(to, &bytes);
        }
    }

    /// A datagram of an attacker who does not know the challenge changes nothing.
    fn strange(&mut self, to: End, address: u8, bytes: &[u8]) {
        let before = self.snapshots();
        match (to, &mut self.server) {
            (End::Server, Server::Acceptor(acceptor)) => {
                let replaced = acceptor.acceptor.stats().replaced;
                acceptor.handle_datagram(self.now, address, bytes);
                // At the client's address, this one has observed the answers of the acceptor, and
                // has completed a handshake in the client's place.
                if acceptor.acceptor.stats().replaced > replaced && address == CLIENT_ADDRESS {
                    self.forged = true;
                    return;
                }
            }
            _ => self.arrive(to, bytes),
        }
        assert_eq!(before, self.snapshots(), "a stranger had an effect");
    }
}
