//! `game-loop`: the game with a window.

mod arguments;
mod keys;
mod tour;
mod view;

use std::env;
use std::error::Error;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use arguments::{Arguments, Play};
use command_line::{print_error, usage_error};
use dev_server::Transport;
use game_loop::model::{Frame, Game, Intent, Phase, Troubles};
use game_loop::{Chat, Host, Pace, bot};
use macroquad::input::{is_quit_requested, prevent_quit};
use macroquad::miniquad::conf::Platform;
use macroquad::window::{Conf, next_frame};

const NAME: &str = "game-loop";
/// The longest wait for the last bytes to be sent.
const CLOSE_TIMEOUT: Duration = Duration::from_millis(500);

fn main() -> ExitCode {
    match arguments::parse() {
        Ok(Arguments::Help) => {
            print!("{}", arguments::HELP);
            ExitCode::SUCCESS
        }
        Ok(Arguments::Serve) => report(serve()),
        // The engine would panic.
        Ok(Arguments::Play(_)) if cfg!(target_os = "linux") && env::var_os("DISPLAY").is_none() => {
            let hint = "there is no screen: set DISPLAY, or use xvfb-run game-loop --frames 600";
            print_error(NAME, hint);
            ExitCode::FAILURE
        }
        Ok(Arguments::Play(play)) => {
            let window = Conf {
                window_title: format!("photon-chat: game loop ({})", play.user),
                window_width: view::WIDTH as i32,
                window_height: view::HEIGHT as i32,
                window_resizable: false,
                high_dpi: true,
                // Every edge is smooth by itself (view/paint.rs), and software rendering has no time for it.
                sample_count: 1,
                platform: Platform {
                    linux_wm_class: NAME,
                    ..Platform::default()
                },
                ..Conf::default()
            };
            macroquad::Window::from_config(window, async move {
                if let Err(error) = run(play).await {
                    print_error(NAME, error);
                    std::process::exit(1);
                }
            });
            ExitCode::SUCCESS
        }
        Err(error) => usage_error(NAME, error),
    }
}

fn report(result: Result<(), Box<dyn Error>>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            print_error(NAME, error);
            ExitCode::FAILURE
        }
    }
}

/// The server alone, until standard input ends: for two windows, and for the test that stops it.
fn serve() -> Result<(), Box<dyn Error>> {
    let host = Host::start()?;
    println!("{} {}", host.url(Transport::Udp), host.url(Transport::Tcp));
    std::io::copy(&mut std::io::stdin(), &mut std::io::sink())?;
    Ok(())
}

async fn run(play: Play) -> Result<(), Box<dyn Error>> {
    // Without a server of others: one of our own, with a second player. Kept until the end.
    let (host, server) = match play.join {
        Some(server) => (None, server),
        None => {
            let host = Host::start()?;
            // Over TCP, which the host does not disturb.
            bot::start(&host.url(Transport::Tcp))?;
            let server = host.url(Transport::Udp);
            println!("a second window: game-loop --join {server} --name Bob");
            (Some(host), server)
        }
    };
    // A closed window would end the program at once, without leaving the chat.
    prevent_quit();
    let mut view = view::View::new()?;
    let mut game = Game::new(&play.user);
    let mut chat = Chat::connect(&server, &play.user)?;
    let start = Instant::now();
    let (mut began, mut pace) = (start, Pace::start());
    let (mut count, mut tour) = (0_u64, tour::Tour::default());
    'frames: loop {
        let whole = began.elapsed();
        began = Instant::now();
        if is_quit_requested() {
            break;
        }
        let input = match play.frames {
            Some(_) => tour.input(&game),
            None => keys::input(),
        };
        for intent in game.frame(start.elapsed(), &input) {
            match (&intent, &host) {
                (Intent::Quit, _) => break 'frames,
                (Intent::Disturb(troubles), Some(host)) => host.disturb(*troubles),
                (Intent::Disturb(_), None) => {
                    // Not switched on, so that the key is not shown as if it was.
                    game.troubles = Troubles::default();
                    game.problem("only the window with the server can do that");
                }
                _ => chat.perform(&intent, &mut game),
            }
        }
        // The chat's part: one call, which never blocks. After the intents, so that they leave in this frame.
        let service = chat.frame(&mut game);
        game.frames.push(Frame { whole, service });
        view.draw(&game);
        count += 1;
        if play.frames.is_some_and(|frames| count >= frames) {
            if let Some(file) = &play.screenshot {
                view.save(file)?;
            }
            break;
        }
        pace.end_frame();
        next_frame().await;
    }
    println!(
        "{count} frames, {:.1} a second; the longest service() call took {:.2} ms; {} returns",
        count as f64 / start.elapsed().as_secs_f64(),
        game.frames.longest_service().as_secs_f64() * 1000.0,
        game.link.returns
    );
    if play.frames.is_some() && game.link.phase == Phase::Connecting {
        return Err(format!("there was no connection to {server} within {count} frames").into());
    }
    chat.close(CLOSE_TIMEOUT);
    Ok(())
}
