//! [`Builder`]: writes a script step by step.

use dev_server::Transport;
use photon_fuzz::chat_script::{
    Damage, Drive, Handshake, Inbound, Pass, Script, ServerMessage, Setup, Step,
};

/// A script that is being written.
pub(super) struct Builder(Script);

impl Builder {
    pub(super) const fn new(setup: Setup) -> Self {
        Self(Script {
            setup,
            steps: Vec::new(),
        })
    }

    pub(super) fn build(self) -> Script {
        self.0
    }

    pub(super) fn then(mut self, step: impl Into<Step>) -> Self {
        self.0.steps.push(step.into());
        self
    }

    pub(super) fn turn(self) -> Self {
        self.then(Step::TURN)
    }

    /// The message arrives in clear and in one piece.
    pub(super) fn receive(self, message: impl Into<ServerMessage>) -> Self {
        self.then(Inbound::whole(message))
    }

    /// The message arrives encrypted and in two pieces.
    pub(super) fn receive_sealed(self, message: impl Into<ServerMessage>) -> Self {
        self.then(Inbound::new(message, Some(Damage::Split(5)), true))
    }

    /// The message arrives in clear with this damage.
    pub(super) fn receive_damaged(self, message: impl Into<ServerMessage>, damage: Damage) -> Self {
        self.then(Inbound::new(message, Some(damage), false))
    }

    /// All datagrams of the message are lost.
    pub(super) fn lose(self, message: impl Into<ServerMessage>) -> Self {
        self.receive_damaged(message, Damage::Cut(0))
    }

    /// The driver opens the link that the client has ordered; the handshake succeeds.
    pub(super) fn link(self) -> Self {
        let opened = self.then(Pass::Commands).then(Drive::Opened);
        let transport = opened.0.setup.transport.get();
        let connected = if transport == Transport::Udp {
            opened.turn()
        } else {
            opened
        };
        let initialized = connected.receive(Handshake::InitResponse).turn();
        if initialized.0.setup.encrypted && !transport.is_secure() {
            initialized.receive(Handshake::KEY).turn()
        } else {
            initialized
        }
    }

    pub(super) fn login(self) -> Self {
        self.receive(Handshake::LOGIN).turn()
    }
}
