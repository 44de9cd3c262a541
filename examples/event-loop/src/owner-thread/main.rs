//! Chats in one channel, with the client on a thread of its own.
//!
//! For programs whose threads are taken: a window, a blocking console, a server. `chat_thread.rs` is
//! the part to copy. Here the main thread reads lines and makes calls, and another one prints.
//!
//! ```sh
//! cargo run -p photon-dev-server
//! cargo run -p photon-event-loop --bin owner-thread -- udp://127.0.0.1:5058 lobby alice
//! ```

mod chat_thread;

use chat_std_io::{ChatConfig, CloseOutcome, Event, PublishOptions, Restore, SubscribeOptions};
use chat_thread::{ChatThread, Update};
use std::error::Error;
use std::sync::mpsc::Receiver;
use std::{env, io, thread};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [address, channel, user] = arguments.as_slice() else {
        return Err("usage: owner-thread ADDRESS CHANNEL USER, for example: \
                    owner-thread udp://127.0.0.1:5058 lobby alice"
            .into());
    };
    let app_id = env::var("PHOTON_APP_ID").unwrap_or_else(|_| "app".to_owned());
    let config = ChatConfig::new(address.as_str(), app_id, "1.0")
        .user_id(user.as_str())
        // The client comes back by itself, and lines wait until the channel is there.
        .restore(Restore::new().queue_cap_bytes(64 * 1024));
    let (chat, updates) = ChatThread::start(config)?;
    let printer = thread::spawn(move || print(&updates));

    let (handle, name) = (chat.handle(), channel.clone());
    handle.call(move |chat| {
        chat.connect_to_region_front_end("eu")?;
        chat.subscribe([name], &SubscribeOptions::new())?;
        Ok(())
    });
    for line in io::stdin().lines() {
        let (line, channel) = (line?, channel.clone());
        handle.call(move |chat| {
            chat.publish_message(&channel, line.as_str(), &PublishOptions::new())?;
            Ok(())
        });
    }
    if chat.close() == CloseOutcome::Unsent {
        eprintln!("the last lines were lost");
    }
    // The thread has ended, and with it the updates.
    printer.join().map_err(|_| "the printing thread panicked")?;
    Ok(())
}

/// Prints until the chat's thread ends.
fn print(updates: &Receiver<Update>) {
    for update in updates {
        match update {
            Update::Event(Event::ChatMessages { messages, .. }) => {
                for message in messages.iter() {
                    // In quotation marks: that escapes what could control a terminal.
                    println!("{:?}: {:?}", message.sender, message.content.to_string());
                }
            }
            Update::Event(Event::StateChanged { to, .. }) => eprintln!("{to}"),
            Update::Event(Event::SubscribeResult(results)) => {
                for result in results {
                    eprintln!("{:?}: {}", result.channel, result.outcome);
                }
            }
            Update::Event(Event::ReconnectScheduled { after, .. }) => {
                eprintln!("next attempt in {after:?}");
            }
            Update::Event(Event::Error { message, .. }) => eprintln!("{message}"),
            Update::Event(_) => {}
            Update::Refused(error) => eprintln!("{error}"),
        }
    }
}
