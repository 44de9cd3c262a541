//! The text of `--help`. Its lists come from the tables that parse the command line.

use std::fmt::Write;

use dev_server::{Alias, ServerConfig, ServerCore, Setting, SwitchSpec};

/// The width of a list, in columns.
const LIST_COLUMNS: usize = 100;

const OPTIONS: &str = "\
A Photon Chat name server and chat front end in one program, for development and tests.
It is not a production server (that is the Photon cloud): it keeps everything in memory (and
with --state in one file), and checks no passwords.

Usage: photon-dev-server [OPTION]...

When it is ready, it prints one line on standard output:
    photon-dev-server ready name-server=tcp://HOST:PORT front-end=tcp://HOST:PORT
        udp-name-server=udp://HOST:PORT udp-front-end=udp://HOST:PORT
        ws-name-server=ws://HOST:PORT ws-front-end=ws://HOST:PORT
        wss-name-server=wss://HOST:PORT wss-front-end=wss://HOST:PORT
(in one line; --no-udp, --no-ws and --no-wss remove their part). Clients connect to the name
server. The server runs until Ctrl-C, SIGTERM or the command quit, and ends with status 0.
Each TCP or WebSocket client uses one open file (ulimit -n); all UDP clients together use two.

Where it listens:
    --host HOST                  Host name or address. Default 127.0.0.1
    --tcp-port N                 TCP port of the name server, 0 for any free port. Default 4533
    --tcp-front-end-port N       TCP port of the front end, 0 for any free port. Default 4534
    --udp-port N                 UDP port of the name server. Default 5058; with --tcp-port 0 any
                                 free port, as for all ports of name servers below
    --udp-front-end-port N       UDP port of the front end. Default 5055; with
                                 --tcp-front-end-port 0 any free port, as for all ports of front
                                 ends below
    --no-udp                     Do not listen on UDP
    --ws-port N                  WebSocket port of the name server. Default 9093
    --ws-front-end-port N        WebSocket port of the front end. Default 9094
    --no-ws                      Do not listen on WebSocket without TLS
    --wss-port N                 Secure WebSocket port of the name server. Default 19093
    --wss-front-end-port N       Secure WebSocket port of the front end. Default 19094
    --no-wss                     Do not listen on secure WebSocket
    --cert FILE                  Certificate chain for wss, PEM. Default: the server makes one for
                                 this run, for localhost, 127.0.0.1, ::1, --host and --public-host
    --key FILE                   Private key of --cert, PEM
    --write-cert FILE            Write the certificate that clients must trust to this file, PEM
    --public-host HOST           Host in the front-end addresses that clients receive. Default: the
                                 host that the client used for the name server

What it does:
    --app-id ID                  Accept this app id; may be repeated. Default: accept all
    --region CODE                Offer this region; may be repeated. Default: eu, us and asia
    --token-lifetime SECONDS     Validity of the name server's tokens. Default 3600
    --state FILE                 Keep channels, sessions and tokens in this file, so that they survive
                                 a restart. It is written within about 0.1 s of a change and at the
                                 end, so that kill -9 loses no more than that. A file that is damaged
                                 or of another version is an error. It holds the keys of tokens:
                                 keep it to yourself. See keep-channels, keep-sessions, grace-ms
    --properties                 Let clients set channel and user properties (operation 8)
    --encrypt-answers            Encrypt everything once a connection has keys, as real servers do
    --set SETTING                Change a switch, see below; may be repeated
    --fault SETTING              Misbehave, see below; may be repeated
    --auth RULE                  Custom authentication, see below; may be repeated
    --auth-file FILE             Authentication rules, one on each line; # begins a comment
    --no-control                 Do not read commands from standard input. Needed to run in the
                                 background of a terminal, where reading stops the program
    --log-level LEVEL            off, error, warn, info, debug or trace, to standard error. Default
                                 warn. info shows connects, logins, and disconnects with reasons;
                                 debug also operations with their responses, and events; trace also
                                 user ids and the content of messages, but never credentials
    --help                       Print this text
    --version                    Print the version
Each option with a value can also be an environment variable: PHOTON_DEV_SERVER_TCP_PORT and so on.
An option on the command line replaces it.

What clients can use up (switches of --set, listed below with their numbers):
    Before a login: max-connections-before-login, max-unfinished-bytes of one connection and
    max-total-unfinished-bytes of all, login-timeout-ms, and one key exchange for each connection.
    By not reading: max-outgoing-bytes of one connection and max-total-outgoing-bytes of all. By
    subscribing: max-channels of all users, max-subscriptions of one. A connection that exceeds a
    limit ends, and --log-level info shows the reason.

Network conditions of UDP datagrams, in both directions:
    --loss PERCENT               This share never arrives
    --duplicate PERCENT          This share arrives twice
    --delay MS                   Each takes this long, in milliseconds
    --jitter MS                  Each takes up to this much longer, so that some overtake others
    --corrupt PERCENT            One bit of this share is flipped
    --seed N                     The same seed gives the same conditions. Tokens and keys stay
                                 unpredictable

How it answers subscriptions and losses (switches of --set, listed below with their numbers):
    history-order and history-delay-ms: when history, event 5 and live messages come. history-length,
    history-lengths: how much. ignore-last-ids, message-id-step, event-5-on-login, split-event-5: what
    other servers do. grace-ms: how long a session outlives its last connection. channel-linger-ms:
    how long an empty channel keeps its messages. token-lifetime-ms: when tokens expire.

Settings of --set and --fault:
    STEP=FAULT[:ARG] [xN]        A fault at a step (-ns: name server, -fe: front end), for the next
                                 N times; without xN until it is switched off
    SWITCH=VALUE                 A switch; [in brackets] its default
    ALIAS                        A short name for some of the above
For example: --fault \"authenticate-ns=refuse:32755:not you\" --fault \"drop-auth-answer x1\"
";

const AUTHENTICATION: &str = "
Custom authentication:
A rule consists of KEY=VALUE words in any order, with \"..\" around values that contain spaces.
    type=N  sent-user=ID  params=QUERY  data=TEXT
        The requests that the rule matches; a missing key matches all. The query string of the
        client must contain all pairs of QUERY
    result=ok [user=ID] [nickname=NAME] [extra.NAME=TEXT]
        Accept the user, with this user id and this extra data
    result=refused [code=N] [message=TEXT]
        Refuse the user. Default code: 32755
The first rule that matches decides; if there are rules and none matches, the user is refused.
Without rules all users are accepted. Users that do not request custom authentication are accepted
unless allow-anonymous=off. For example:
    --auth \"type=0 params=user=alice&pass=x result=ok user=alice42 nickname=Al\"
";

const CONTROL: &str = "
Commands, one on each line of standard input. The answer is one line: ok ... or error ... The
server keeps running when standard input ends.
";

pub(crate) fn help() -> String {
    let mut help = OPTIONS.to_owned();
    let config = ServerConfig::new();
    let switches = SwitchSpec::all().map(|(name, form)| {
        let default = config.switch(name).unwrap_or_default();
        format!("{name}={form} [{default}]")
    });
    section(&mut help, "Steps", Setting::steps());
    section(&mut help, "Faults", Setting::faults());
    section(
        &mut help,
        "CODE is a number or one of",
        Setting::reasons().map(|(name, code)| format!("{name} ({code})")),
    );
    section(&mut help, "Switches", switches);
    help.push_str("\nAliases:\n");
    let aliases: Vec<(&str, String)> = Alias::all()
        .map(|alias| (alias.form, alias.settings.join(", ")))
        .collect();
    columns(&mut help, &aliases);
    help.push_str(AUTHENTICATION);
    help.push_str(CONTROL);
    let commands: Vec<(&str, String)> = ServerCore::control_commands()
        .map(|(form, effect)| (form, effect.to_owned()))
        .collect();
    columns(&mut help, &commands);
    help.truncate(help.trim_end().len());
    help
}

/// Appends a title, and names in lines of limited length below it.
fn section<T: AsRef<str>>(help: &mut String, title: &str, names: impl IntoIterator<Item = T>) {
    let _ = write!(help, "\n{title}:");
    let mut column = LIST_COLUMNS;
    let mut separator = "";
    for name in names {
        let name = name.as_ref();
        if column + name.len() + 2 > LIST_COLUMNS {
            let _ = write!(help, "{separator}\n    {name}");
            column = 4 + name.len();
        } else {
            let _ = write!(help, "{separator} {name}");
            column += name.len() + 2;
        }
        separator = ",";
    }
    help.push('\n');
}

/// Appends forms and their meanings in two columns.
fn columns(help: &mut String, rows: &[(&str, String)]) {
    let width = rows.iter().map(|(form, _)| form.len()).max().unwrap_or(0);
    for (form, meaning) in rows {
        let _ = writeln!(help, "    {form:width$}  {meaning}");
    }
}
