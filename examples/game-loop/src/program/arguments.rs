//! The command line.

use std::path::PathBuf;

use command_line::{next, number, text};
use lexopt::{Arg, Parser, ValueExt};

pub(crate) const HELP: &str = "\
A small game with a chat, the reference for a frame loop: one service() call per frame.

Usage: game-loop [OPTION]...

Without options it starts a development server of its own, with a second player to play against.

    --name NAME          Your name. Default Mia
    --join SERVER        Play on this server, for example that of another window, which prints its
                         address: udp://127.0.0.1:40001
    --serve              Only the server. It prints its addresses over UDP and TCP, and ends with its
                         standard input
    --frames N           Play by itself for so many frames, then end
    --screenshot FILE    With --frames: write the last frame as a picture (PNG)
    --help               Print this text

Keys: arrows walk, Enter writes and sends, Tab shows the next conversation, F1 loses three of ten
datagrams, F2 delays all, F3 cuts the line, F4 stops the server (each again: ends it), Esc leaves.
";

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Arguments {
    Help,
    Serve,
    Play(Play),
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Play {
    pub(crate) user: String,
    pub(crate) join: Option<String>,
    pub(crate) frames: Option<u64>,
    pub(crate) screenshot: Option<PathBuf>,
}

pub(crate) fn parse() -> Result<Arguments, String> {
    parse_from(Parser::from_env())
}

fn parse_from(mut parser: Parser) -> Result<Arguments, String> {
    let mut play = Play {
        user: "Mia".to_owned(),
        join: None,
        frames: None,
        screenshot: None,
    };
    let mut is_server = false;
    while let Some(argument) = next(&mut parser)? {
        match argument {
            Arg::Long("help") | Arg::Short('h') => return Ok(Arguments::Help),
            Arg::Long("serve") => is_server = true,
            Arg::Long("name") => play.user = text(&mut parser)?,
            Arg::Long("join") => play.join = Some(text(&mut parser)?),
            Arg::Long("frames") => {
                play.frames = Some(number(&mut parser, "frames", "a number of frames")?);
            }
            Arg::Long("screenshot") => {
                let file = parser.value().map_err(|error| error.to_string())?;
                play.screenshot = Some(
                    file.parse_with(|file| Ok::<_, String>(file.into()))
                        .map_err(|error| error.to_string())?,
                );
            }
            other => return Err(other.unexpected().to_string()),
        }
    }
    if is_server {
        return Ok(Arguments::Serve);
    }
    if play.screenshot.is_some() && play.frames.is_none() {
        return Err("--screenshot needs --frames N: the picture is that of the last frame".into());
    }
    if play.user == game_loop::bot::NAME {
        return Err(format!(
            "--name {}: that is the bot; use another name",
            play.user
        ));
    }
    Ok(Arguments::Play(play))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Result<Arguments, String> {
        parse_from(Parser::from_args(arguments))
    }

    #[test]
    fn wrong_arguments_are_errors_that_explain_what_to_do() {
        for (arguments, part) in [
            (&["--screenshot", "x.png"][..], "needs --frames"),
            (&["--frames", "many"], "is not a number of frames"),
            (&["--name", "Ada"], "use another name"),
            (&["--nmae", "x"], "--nmae"),
            (&["--join"], "--join"),
        ] {
            let error = parse(arguments).unwrap_err();
            assert!(error.contains(part), "{arguments:?}: {error}");
        }
        assert_eq!(parse(&["--serve"]), Ok(Arguments::Serve));
        let Ok(Arguments::Play(play)) = parse(&["--frames", "9", "--screenshot", "x.png"]) else {
            panic!("they are complete");
        };
        assert_eq!(
            (play.frames, play.screenshot),
            (Some(9), Some("x.png".into()))
        );
    }
}
