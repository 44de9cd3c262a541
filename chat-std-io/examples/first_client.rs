// The first program of the README, of the crate's docs and of the guide. A test compares the texts, and
// runs the program.

use chat_std_io::{ChatConfig, Event, PublishOptions, Restore, Session, State, SubscribeOptions};
use std::{env, error::Error, time::Duration};

fn main() -> Result<(), Box<dyn Error>> {
    let server = env::var("PHOTON_SERVER").unwrap_or("udp://127.0.0.1:5058".into());
    let user = env::args().nth(1).unwrap_or("alice".into());
    let config = ChatConfig::new(server, "any-app-id", "1.0").user_id(user);
    let mut session = Session::new(config.restore(Restore::new()))?;
    session.chat.connect_to_region_front_end("eu")?;
    session
        .chat
        .subscribe(["lobby"], &SubscribeOptions::new().history(10))?;
    loop {
        session.wait(Duration::MAX); // A game calls session.service() once per frame instead.
        while let Some(event) = session.poll_event() {
            match event {
                // Now, and each time the client comes back.
                Event::StateChanged {
                    to: State::ConnectedToFrontEnd,
                    ..
                } => {
                    session
                        .chat
                        .publish_message("lobby", "hello", &PublishOptions::new())?;
                }
                Event::ChatMessages { channel, messages } => {
                    for message in messages.iter() {
                        println!("[{channel}] {}: {}", message.sender, message.content);
                    }
                }
                Event::Error { message, .. } => eprintln!("{message}"),
                _ => {}
            }
        }
    }
}
