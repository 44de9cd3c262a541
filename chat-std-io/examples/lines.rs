//! Publishes the lines of standard input in one channel, and prints what others publish there.
//!
//! It shows a program that sleeps until there is something to do, whichever side it comes from:
//! [`Session::wait`] sleeps on the session's sockets, and the thread that reads standard input ends
//! that sleep with a [`Waker`]. Nothing polls.
//!
//! ```sh
//! cargo run -p photon-dev-server
//! cargo run -p photon-chat-std-io --example lines -- udp://127.0.0.1:5058 alice
//! ```

use chat_std_io::{
    ChatConfig, Content, Event, PublishOptions, RequestError, Session, State, SubscribeOptions,
    Waker,
};
use std::error::Error;
use std::io;
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::thread;
use std::time::Duration;

const CHANNEL: &str = "lobby";

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(address), Some(user)) = (arguments.next(), arguments.next()) else {
        return Err("usage: lines ADDRESS USER, for example: lines udp://127.0.0.1:5058 me".into());
    };
    let mut session = Session::new(ChatConfig::new(address, "app", "1.0").user_id(user))?;
    session.chat.connect_to_region_front_end("eu")?;
    let lines = read_lines(session.waker()?);
    let mut unsent = None;
    loop {
        session.wait(Duration::MAX);
        while let Some(event) = session.poll_event() {
            match event {
                Event::StateChanged {
                    to: State::ConnectedToFrontEnd,
                    ..
                } => {
                    let _request = session
                        .chat
                        .subscribe([CHANNEL], &SubscribeOptions::new())?;
                }
                Event::ChatMessages { messages, .. } => {
                    for message in messages.iter() {
                        if let Content::Text(text) = message.content {
                            println!("{}: {text}", message.sender);
                        }
                    }
                }
                Event::Error { message, .. } => return Err(message.to_string().into()),
                _ => {}
            }
        }
        // Lines wait until there is somewhere to publish them, and space for them.
        while session.chat.can_chat_in_channel(CHANNEL) {
            let line = match unsent.take().map_or_else(|| lines.try_recv(), Ok) {
                Ok(line) => line,
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Disconnected) => {
                    println!("{:?}", session.io_stats());
                    println!("{:?}", session.close(Duration::from_secs(1)));
                    return Ok(());
                }
            };
            let options = PublishOptions::new();
            match session
                .chat
                .publish_message(CHANNEL, line.as_str(), &options)
            {
                Err(RequestError::QueueFull) => {
                    unsent = Some(line);
                    break;
                }
                result => drop(result?),
            }
        }
    }
}

/// Reads lines on a thread, and wakes the session for each, and for the end.
fn read_lines(waker: Waker) -> Receiver<String> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        forward(&sender, &waker);
        // First the end, then the wake: the session looks when it is woken.
        drop(sender);
        waker.wake();
    });
    receiver
}

fn forward(sender: &Sender<String>, waker: &Waker) {
    for line in io::stdin().lines().map_while(Result::ok) {
        if sender.send(line).is_err() {
            return;
        }
        waker.wake();
    }
}
