//! The driver: calls `service`, moves bytes in both directions in zero time, and executes commands.

use super::{Harness, ServerLink};
use chat_core::{ChatClient, Event, LinkCommand, LinkInput, State};

impl Harness {
    /// Calls `service` and drains until there is nothing more to do at this time.
    #[track_caller]
    pub(crate) fn pump(&mut self) {
        self.pump_with(|_, _| {});
    }

    /// As [`Harness::pump`], with an application that reacts to each event as it takes it.
    #[track_caller]
    pub(crate) fn pump_with(&mut self, mut react: impl FnMut(&mut ChatClient, &Event)) {
        for _ in 0..1_000 {
            let serviced = self.client.service(self.passed.at(self.now));
            let mut busy = serviced.more;
            let before = self.client.poll_timeout();
            while let Some(event) = self.client.poll_event() {
                react(&mut self.client, &event);
                self.note(event);
            }
            // Another round is needed if the application armed a timer, or freed space by taking
            // events.
            busy |= self.client.poll_timeout() != before;
            self.move_bytes();
            self.take_commands();
            busy |= self.deliver_answers();
            if !busy {
                let next = self.client.poll_timeout();
                assert!(
                    next.is_none_or(|at| at > self.now),
                    "busy wake-up: {next:?} at {:?}",
                    self.now
                );
                assert_eq!(
                    self.client.state(),
                    self.announced,
                    "no event announced this state"
                );
                return;
            }
        }
        panic!("the client does not come to rest");
    }

    #[track_caller]
    fn note(&mut self, event: Event) {
        match &event {
            Event::StateChanged { from, to } => {
                assert_eq!(*from, self.announced, "a change from another state");
                assert_ne!(from, to);
                self.announced = *to;
            }
            Event::Error {
                code,
                cause,
                message,
            } => {
                let changed = matches!(
                    self.events.last(),
                    Some(Event::StateChanged {
                        to: State::Error,
                        ..
                    })
                );
                assert!(
                    changed,
                    "an error comes right after the change to Error: {:?}",
                    self.events
                );
                assert_eq!(message.as_str(), cause.to_string());
                self.error = Some((*code, (**cause).clone(), message.to_string()));
            }
            _ => {}
        }
        self.events.push(event);
    }

    /// Moves the bytes that the client sends, while sockets are writable.
    pub(crate) fn move_bytes(&mut self) {
        for link in self
            .links
            .iter_mut()
            .filter(|link| !link.gone && self.writable)
        {
            while let Some(bytes) = self
                .client
                .transmit(self.passed.at(self.now), link.id)
                .map(<[u8]>::to_vec)
            {
                assert!(!bytes.is_empty());
                assert_eq!(
                    self.client.transmit(self.passed.at(self.now), link.id),
                    Some(&*bytes),
                    "transmit is stable"
                );
                assert!(link.opened, "bytes for a link that is not open");
                self.client.transmitted(link.id, bytes.len());
                link.take(self.now, &bytes, self.answers);
            }
        }
    }

    fn take_commands(&mut self) {
        while let Some(command) = self.client.poll_command() {
            match &command {
                LinkCommand::Open { link, target, wire } => {
                    assert!(
                        self.links.iter().all(|known| known.id < *link),
                        "link ids are not reused"
                    );
                    self.links
                        .push(ServerLink::new(*link, target.clone(), *wire));
                }
                LinkCommand::Close { link } => {
                    let link = self
                        .links
                        .iter_mut()
                        .find(|known| known.id == *link)
                        .expect("a link that was opened");
                    assert!(!link.gone, "a link that is gone is not closed");
                    link.gone = true;
                }
            }
            self.commands.push_back(command);
        }
    }

    /// Delivers the bytes that the servers' ends send by themselves.
    pub(crate) fn deliver_answers(&mut self) -> bool {
        let mut answered = false;
        for link in self.links.iter_mut().filter(|link| !link.gone) {
            for input in link.end.answer(self.now, self.answers) {
                self.client.handle_link(
                    self.passed.at(self.now),
                    link.id,
                    LinkInput::Received(&input),
                );
                answered = true;
            }
        }
        answered
    }
}
