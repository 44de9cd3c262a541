//! Questions for missing messages: subscriptions that the client sends by itself. Spec: chat.md 4.1.

use super::ChatClient;
use crate::codes::operation;
use crate::operation::pending::RequestKind;
use crate::operation::subscribe::{self, CheckedOptions};
use crate::state::State;

impl ChatClient {
    /// Sends the questions that channels have, each for itself: most of the time there is one.
    pub(super) fn send_questions(&mut self) {
        while let Some((channel, last_id)) = self.model.take_question() {
            debug_assert_eq!(
                self.state,
                State::ConnectedToFrontEnd,
                "the end of the connection forgets all questions"
            );
            // The server would take the user back into a channel that the application leaves.
            if self.pending.unsubscribe.is_waiting_for(&channel) {
                continue;
            }
            let options = CheckedOptions::for_missing(core::slice::from_ref(&last_id));
            let sent = self.send_chat(operation::SUBSCRIBE, false, |buffer, config| {
                Ok(subscribe::write(
                    buffer,
                    config,
                    [&*channel].into_iter(),
                    &options,
                )?)
            });
            // A full buffer is no reason to wait longer: the question ends as if there were no
            // answer, and what waits for it is delivered with a gap.
            if sent.is_ok() {
                let kind = RequestKind::Question;
                let _id = self.expect_outcomes(|pending| &mut pending.subscribe, kind, [&*channel]);
                self.stats.rare().questions += 1;
            }
        }
    }
}
