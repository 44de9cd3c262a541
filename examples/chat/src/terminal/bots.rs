//! Two small bots, so that nobody talks to an empty room on the embedded server: `ada` answers, and
//! `dice` rolls.

use chat_core::{
    ChatConfig, ConnectOptions, Event, PrivateOptions, PublishOptions, Restore, State,
    StatusMessage, SubscribeOptions, UserStatus,
};
use chat_std_io::Session;
use std::collections::BTreeSet;
use std::thread;
use std::time::Duration;

/// The channel in which the bots are.
pub(crate) const CHANNEL: &str = "lobby";
/// The bots' names.
pub(crate) const NAMES: [&str; 2] = ["ada", "dice"];

/// Starts the bots, each in a thread that lives as long as the program.
pub(crate) fn start(server: &str) {
    for name in NAMES {
        let config = ChatConfig::new(server, "terminal", "1.0")
            .user_id(name)
            .restore(Restore::new());
        // Without bots the user is alone, which is no reason to end.
        if let Ok(session) = Session::new(config) {
            thread::spawn(move || {
                Bot {
                    name,
                    session,
                    rolls: 7,
                    greeted: BTreeSet::new(),
                }
                .run()
            });
        }
    }
}

struct Bot {
    name: &'static str,
    session: Session,
    /// The state of the dice.
    rolls: u32,
    /// Who was greeted and has not left since.
    greeted: BTreeSet<String>,
}

impl Bot {
    fn run(mut self) {
        if self
            .session
            .chat
            .connect_to_name_server(ConnectOptions::new().region("eu"))
            .is_err()
        {
            return;
        }
        loop {
            while let Some(event) = self.session.poll_event() {
                self.on_event(&event);
            }
            self.session.wait(Duration::from_secs(60));
        }
    }

    fn greet(&mut self, users: impl IntoIterator<Item = String>) {
        for user in users.into_iter().filter(|_| self.name == "ada") {
            // Who comes at the same time as the bot is among its members, and comes by an event, too.
            if !self.greeted.insert(user.clone()) {
                continue;
            }
            let text = format!("Hello {user}! Write something to me, or ask dice to roll 2d6.");
            let options = PublishOptions::new();
            let _ = self
                .session
                .chat
                .publish_message(CHANNEL, text.as_str(), &options);
        }
    }

    fn on_event(&mut self, event: &Event) {
        let chat = &mut self.session.chat;
        match event {
            Event::StateChanged {
                to: State::ConnectedToFrontEnd,
                ..
            } => {
                let options = SubscribeOptions::new()
                    .publish_subscribers(true)
                    .max_subscribers(100)
                    .or_plain();
                let text = match self.name {
                    "ada" => "ask away",
                    _ => "write: roll 2d6",
                };
                // What is refused at a restart of the server comes back with the restored session.
                let _ = chat.subscribe([CHANNEL], &options);
                let _ = chat.set_user_status(UserStatus::ONLINE, StatusMessage::Set(text));
            }
            // The user may be there before or after the bot.
            Event::UserSubscribed(change) if !NAMES.contains(&&*change.user) => {
                let user = change.user.to_string();
                self.greet([user]);
            }
            Event::UserUnsubscribed(change) => {
                self.greeted.remove(&*change.user);
            }
            Event::SubscribeResult(results)
                if results.iter().any(|result| result.request.is_some()) =>
            {
                let channel = chat.channel(CHANNEL);
                let members = channel.map(|channel| channel.subscribers());
                let members = members.into_iter().flatten().map(ToString::to_string);
                let others: Vec<String> = members
                    .filter(|user| !NAMES.contains(&user.as_str()))
                    .collect();
                self.greet(others);
            }
            Event::ChatMessages { channel, messages } => {
                for message in messages
                    .iter()
                    .filter(|message| !NAMES.contains(&message.sender))
                {
                    let text = message.content.to_string();
                    if let Some(answer) =
                        answer(self.name, message.sender, &text, false, &mut self.rolls)
                    {
                        let _ =
                            chat.publish_message(channel, answer.as_str(), &PublishOptions::new());
                    }
                }
            }
            Event::PrivateMessage { channel, message } if message.get().sender != self.name => {
                let message = message.get();
                let text = message.content.to_string();
                if let Some(answer) =
                    answer(self.name, message.sender, &text, true, &mut self.rolls)
                {
                    let _ =
                        chat.send_private_message(channel, answer.as_str(), &PrivateOptions::new());
                }
            }
            _ => {}
        }
    }
}

/// The answer to a message, if the bot feels addressed. In private it always does.
fn answer(bot: &str, sender: &str, text: &str, private: bool, rolls: &mut u32) -> Option<String> {
    let lower = text.to_lowercase();
    match bot {
        "dice" => {
            let wanted = lower
                .split_once("roll")?
                .1
                .split_whitespace()
                .next()
                .unwrap_or("1d6");
            let (count, sides) = wanted.split_once('d').unwrap_or(("1", "6"));
            let count = count.parse().unwrap_or(1_u32).clamp(1, 10);
            let sides = sides
                .trim_end_matches(|all: char| !all.is_ascii_digit())
                .parse()
                .unwrap_or(6_u32)
                .clamp(2, 1000);
            let dice: Vec<u32> = (0..count)
                .map(|_| {
                    // xorshift: good enough for a game that is played for nothing.
                    *rolls ^= *rolls << 13;
                    *rolls ^= *rolls >> 17;
                    *rolls ^= *rolls << 5;
                    *rolls % sides + 1
                })
                .collect();
            let sum: u32 = dice.iter().sum();
            let shown: Vec<String> = dice.iter().map(u32::to_string).collect();
            Some(format!(
                "{count}d{sides} for {sender}: {} = {sum}",
                shown.join(" + ")
            ))
        }
        _ if !private && lower.contains("roll") => None,
        _ if lower.contains("hello") || lower.contains("hi ") || lower.ends_with("hi") => {
            Some(format!("Hi {sender}, nice to meet you."))
        }
        _ if lower.contains("help") => Some(
            "Try /help for the commands, /msg dice roll 3d6, or /drop to cut your connection."
                .into(),
        ),
        _ if lower.ends_with('?') => {
            Some("I think so. But I am only a bot of thirty lines.".into())
        }
        _ if private || lower.contains("ada") => Some(format!("You wrote: {text}")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::answer;

    #[test]
    fn bots_answer_when_addressed() {
        let mut rolls = 7;
        let mut ask = |bot, text, private| answer(bot, "bob", text, private, &mut rolls);
        assert!(
            ask("dice", "roll 2d6!", false)
                .unwrap()
                .starts_with("2d6 for bob: ")
        );
        assert!(ask("dice", "dice: roll", false).unwrap().contains("1d6"));
        assert!(
            ask("dice", "roll 99999999999d0", true)
                .unwrap()
                .contains("1d2")
        );
        assert_eq!(ask("dice", "hello", false), None);
        assert_eq!(ask("ada", "roll 2d6", false), None);
        assert_eq!(
            ask("ada", "hello", false).as_deref(),
            Some("Hi bob, nice to meet you.")
        );
        assert_eq!(ask("ada", "lovely day", false), None);
        assert!(ask("ada", "lovely day", true).is_some());
        assert!(ask("ada", "is it?", false).is_some());
    }
}
