//! Scripts of `udp_connection` in the old form, and their conversion.

mod forge;
mod script;

use forge::{Choice, Forgery};
use photon_fuzz::script::{List, UpTo};
use photon_fuzz::udp_connection as new;
use script::{End, Step};

/// The script in the new form, and the number of steps that are only nearly the same.
pub(crate) fn convert(bytes: &[u8]) -> (new::Script, usize) {
    let old = script::Script::read(bytes);
    let steps = old.steps.iter().map(step).collect();
    (
        new::Script {
            setup: old.setup.0,
            steps,
        },
        0,
    )
}

fn end(old: End) -> new::End {
    match old {
        End::Client => new::End::Client,
        End::Server => new::End::Server,
    }
}

fn step(old: &Step<'_>) -> new::Step {
    match old {
        Step::Turn { ms } => new::Clock::Turn {
            ms: u8::try_from(*ms).expect("a byte"),
        }
        .into(),
        Step::Wait { micros } => {
            let ms = micros / 1000;
            // Whether it was a wait or a blink makes no difference.
            if let (Ok(ms), 0) = (u16::try_from(ms), micros % 1000) {
                new::Clock::Wait { ms }.into()
            } else if let Ok(micros) = u16::try_from(*micros) {
                new::Clock::Blink { micros }.into()
            } else {
                let ms = if *micros == u64::MAX { u64::MAX } else { ms };
                // In microseconds 2^52 ms do not differ from the end of time for a saturating clock.
                new::Clock::Leap(new::LeapMs::of(ms)).into()
            }
        }
        Step::Sleep(of) => new::Clock::Sleep(end(*of)).into(),
        Step::Back { end: of, ms } => new::Clock::Back {
            end: end(*of),
            ms: u16::try_from(*ms).expect("two bytes"),
        }
        .into(),
        Step::Timeout(of) => new::Clock::Timeout(end(*of)).into(),
        Step::Send {
            end: of,
            channel,
            delivery,
            count,
            length,
        } => {
            let message = new::Outgoing {
                channel: new::Channel::of(*channel),
                delivery: new::SendDelivery::of(*delivery),
                length: new::Length::of(u16::try_from(*length).expect("two bytes")),
            };
            if *count == 1 {
                new::Call::Send {
                    end: end(*of),
                    message,
                }
                .into()
            } else {
                new::Call::Burst {
                    end: end(*of),
                    message,
                    count: *count,
                }
                .into()
            }
        }
        Step::BreakOff(of) => new::Call::BreakOff(end(*of)).into(),
        Step::Pull { end: of, most } => new::Datagram::Pull {
            end: end(*of),
            max: *most,
        }
        .into(),
        Step::Peek(of) => new::Datagram::Peek(end(*of)).into(),
        Step::Transmitted(of) => new::Datagram::Transmitted(end(*of)).into(),
        Step::Deliver {
            to,
            which,
            again: false,
        } => new::NetworkStep::Deliver {
            to: end(*to),
            which: *which,
        }
        .into(),
        Step::Deliver {
            to,
            which,
            again: true,
        } => new::NetworkStep::DeliverCopy {
            to: end(*to),
            which: *which,
        }
        .into(),
        Step::Lose { to, which } => new::NetworkStep::Lose {
            to: end(*to),
            which: *which,
        }
        .into(),
        Step::Corrupt { to, which, bit } => new::NetworkStep::Corrupt {
            to: end(*to),
            which: *which,
            bit: *bit,
        }
        .into(),
        Step::Forge { to, craft } => new::Attack::Forge {
            to: end(*to),
            forgery: forgery(craft),
        }
        .into(),
        Step::Raw { to, known, bytes } => new::Attack::Raw {
            to: end(*to),
            known: *known,
            bytes: List::new(*bytes),
        }
        .into(),
        Step::Strange { to, address, craft } => new::Attack::Strange {
            to: end(*to),
            address: UpTo::new(*address),
            forgery: forgery(craft),
        }
        .into(),
        Step::Events { end: of, most } => new::Call::TakeEvents {
            end: end(*of),
            max: *most,
        }
        .into(),
        Step::Close(of) => new::Call::Close(end(*of)).into(),
        Step::Shutdown {
            end: of,
            ms,
            reason,
        } => new::Call::ShutDown {
            end: end(*of),
            timeout_ms: new::ShutdownTimeout::of(*ms),
            reason: new::Reason::of(*reason),
        }
        .into(),
        Step::FetchTime => new::Call::FetchTime.into(),
        Step::Forget => new::Call::Forget.into(),
    }
}

fn forgery(old: &Forgery) -> new::Forgery {
    let (first, more) = old.commands.split_first().expect("one command at least");
    new::Forgery {
        peer_id: old.peer_id,
        crc: old.crc,
        count: old.count,
        sent_time: old.sent_time,
        first: command(first),
        more: List::new(more.iter().map(command).collect::<Vec<_>>()),
    }
}

fn command(old: &Choice) -> new::ForgedCommand {
    new::ForgedCommand {
        kind: new::CommandKind::of(old.kind),
        channel: old.channel,
        flags: old.flags,
        number: old.number,
        other: old.other,
        twist: old.twist,
        length: u8::try_from(old.length / 4).expect("a byte"),
    }
}
