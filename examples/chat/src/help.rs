//! The texts of `--help`.

#[cfg(test)]
pub(crate) const VERSION: &str = concat!("photon-chat ", env!("CARGO_PKG_VERSION"), "\n");

pub(crate) const PROGRAM: &str = "\
A Photon Chat client: a terminal chat, a demo conversation, and a client for scripts.
Unofficial; not affiliated with Exit Games.

Usage: photon-chat [OPTION..]
       photon-chat demo [OPTION..]
       photon-chat run --server URL --app-id ID [OPTION..]
       photon-chat COMMAND --help

Commands:
  (none) chat in this terminal. Without --server it starts a development server in this process,
         with two bots to talk to; this needs no account and does not leave this machine
  demo   two users talk through a development server in this process, and the program checks it
  run    reads commands from standard input and prints events as JSON: connect, regions, region,
         subscribe, subscribe-opts, unsubscribe, publish, publish-web, private, private-encrypted,
         status, status-keep, friends, unfriend, setprops, setuserprops, op, op-encrypted,
         channels, stats, sleep, wait, wait-count, wait-state, freeze, drop, disconnect, reconnect,
         suspend, resume, network-changed, forget, help, quit. photon-chat run --help explains each

Options of the terminal chat (those of the others: photon-chat COMMAND --help):
  --server URL          the name server: udp://HOST:PORT, tcp://.., ws://.. or wss://... Several
                        addresses, separated by commas, are tried in order
  --app-id ID           the Chat app id; a development server accepts any
  --user U              the user id (default: the user of this machine)
  --channel CH[,CH]     the channels to begin with (default lobby)
  --transport udp|tcp|ws|wss
                        for addresses without a scheme, and the embedded server (default udp)
  --region R            the region (default eu)
  --app-version V       the app version; users of different versions do not meet (default 1.0)
  --protocol 1.6|1.8|json
                        the serialization of messages (default 1.8); json needs ws or wss
  --auth-type N, --auth-params S
                        custom authentication, for example 0 and token=1&x=2
  --private-history N   the most private messages that the server sends at login
  --ca FILE             trust these certificates (PEM) for wss as well
  --no-encryption, --crc
                        no key exchange: all is sent in clear; a checksum in each datagram
  --config FILE         read settings from this TOML file (default: photon-chat.toml in the user's
                        directory for settings): lines such as app-id = \"..\"
  --log-level LEVEL     off, error, warn, info, debug or trace, to standard error, which must not be
                        the terminal (default off)
  -h, --help            print this text, or the text of a command
  -V, --version         print name and version

Each option with a value can also be an environment variable, and be in the file: PHOTON_SERVER,
PHOTON_APP_ID, PHOTON_AUTH_PARAMS, PHOTON_CONFIG and so on. An option is stronger than a variable, a
variable than the file. So no secret has to be on a command line, which others can see.

Exit status: 0 success; 1 the chat could not start; 64 wrong arguments, or no terminal to chat in.
photon-chat COMMAND --help explains the others.
";

pub(crate) const DEMO: &str = "\
Holds a conversation of two users over real sockets, and checks that every expected event arrives.

Usage: photon-chat demo [OPTION..]

The demo starts a development server on free ports of 127.0.0.1. alice and bob log in, subscribe to
a channel with history, publish, exchange encrypted private messages, watch each other's status, use
a channel that publishes its subscribers and has properties, unsubscribe and disconnect. The demo
prints what each user does, and each event that the user receives.

Options:
  --transport udp|tcp|ws|wss
                        the transport (default udp)
  --protocol 1.6|1.8|json
                        the serialization of messages (default 1.8); json needs ws or wss
  --all                 repeat the conversation over every transport with every protocol, and print
                        a table
  --crc                 add a checksum to each datagram
  --log-level LEVEL     off, error, warn, info, debug or trace, of client and server, to standard
                        error (default off)
  -h, --help            print this text

Options that simulate a bad network, for UDP, in both directions:
  --loss PERCENT        how many datagrams are lost
  --duplicate PERCENT   how many datagrams arrive twice
  --delay MS            the delay of each datagram in milliseconds
  --jitter MS           the largest additional, random delay; it reorders datagrams
  --corrupt PERCENT     in how many datagrams one bit is inverted; only --crc detects it
  --seed N              makes the random choices repeatable

The output is coloured on a terminal, unless NO_COLOR is set or TERM is dumb.

Exit status: 0 every expected event arrived; 1 an event was missing or wrong, the server did not
start, or the output failed (standard error explains which); 64 wrong arguments.
";

pub(crate) const RUN: &str = "\
A client for scripts: reads one command per line from standard input, prints one JSON object per
line.

Usage: photon-chat run --server URL --app-id ID [OPTION..]

Options:
  --server URL          the name server: udp://HOST:PORT, tcp://.., ws://.. or wss://... Without a
                        scheme it is UDP; without a port it is the scheme's default port. Several
                        addresses, separated by commas, are tried in order
  --app-id ID           the Chat app id; a development server accepts any
  --app-version V       the app version; users of different versions do not meet (default 1.0)
  --user U              the user id; without it the server chooses one
  --region R            the region of the command connect (default eu)
  --protocol 1.6|1.8|json
                        the serialization of messages (default 1.8); json needs ws or wss
  --no-encryption       no key exchange: everything is sent in clear, except over wss. json over ws
                        needs this option
  --ca FILE             trust these certificates (PEM) for wss, in addition to the usual authorities
  --auth-type N         the type of custom authentication, 0 to 255 (default 0 with --auth-params,
                        else none)
  --auth-params S       the parameters of custom authentication, for example token=1&x=2
  --private-history N   the most private messages that the server sends at login
  --transport T         udp, tcp, ws or wss for addresses without a scheme
  --config FILE         a TOML file with these settings
  --crc                 add a checksum to each datagram; UDP only
  --restore             come back by itself after a loss of the connection: to all channels, friends
                        and the status, with the messages that the server still has
  --queue-bytes N       with --restore: accept N bytes of messages while there is no connection
                        (default 0)
  --confirm             report what became of each message (MessageSent, MessageRefused,
                        MessageUnconfirmed); --restore does it, too
  --log-level LEVEL     off, error, warn, info, debug or trace, to standard error (default off).
                        info shows changes of the state, debug also requests, responses, events
                        and links. Credentials and the content of messages are in no line
  --strict              a command that the client refuses ends the run with exit status 1
  --max-seconds S       end the run after this time in any case; 0: never (default 300, and at a
                        terminal 0)
  -h, --help            print this text

The options up to --crc can also be environment variables (PHOTON_SERVER, PHOTON_APP_ID, ..) and be
in the file of --config or PHOTON_CONFIG: photon-chat --help explains it.

The Photon cloud is --server ns.photonengine.io:5058 (UDP) or tcp://ns.photonengine.io:4533, with
the app id of a Chat application. The program photon-dev-server is a server for development.

Commands:
  connect                      connects to the name server, then to the front end of --region
  connect -                    connects to the name server and stays there
  regions                      requests the regions from the name server
  region R                     connects to the front end of region R, by way of the name server if
                               necessary
  subscribe CH[,CH] [HISTORY [ID[,ID]]]
                               subscribes to channels, with at most HISTORY older messages each
                               (-1: all), only those after the last seen ID, one ID per channel
  subscribe-opts CH [publish=true|false] [max=N]
                               subscribes to one channel; if that creates it, publish sets whether
                               its subscribers are published (default false), and max sets how many
                               it accepts (default 0: any number)
  unsubscribe CH[,CH]          unsubscribes from channels
  publish CH TEXT              publishes in a channel
  publish-web CH TEXT          the same, forwarded to the application's web hook
  private USER TEXT            sends a private message
  private-encrypted USER TEXT  the same, encrypted on its way to the server
  status N [TEXT]              sets the user's status (0 offline, 1 invisible, 2 online, 3 away,
                               4 do not disturb, 5 looking for a game, 6 playing, or any other
                               number) with TEXT as its message; without TEXT it clears the message
  status-keep N                sets the status and keeps its message
  friends U[,U]                adds friends: their status is reported from now on
  unfriend U[,U]               removes friends
  setprops CH KEY=TEXT ..      sets properties of a channel
  setuserprops CH USER KEY=TEXT ..
                               sets properties of a user in a channel
  op CODE [{\"PARAMETER CODE\":TAGGED VALUE,..}]
                               sends any operation except Authenticate (230), with these parameters
  op-encrypted CODE [..]       the same, encrypted on its way to the server
  channels                     prints {\"event\":\"Channels\",\"public\":[..],\"private\":[..]}; each
                               channel has name, last_id, the cached messages, and the known
                               subscribers and properties
  stats                        prints {\"event\":\"Stats\",..}: state, user id, round trip and counters;
                               over UDP also resends, and lost and dropped datagrams by reason
  sleep S                      waits S seconds
  wait EVENT [S] [FIELD=VALUE ..]
                               waits up to S seconds (default 10) for an event of this name that has
                               these fields, and consumes it
  wait EVENT S SUBSTRING       the same for an event whose printed line contains SUBSTRING
  wait-count EVENT N S         waits up to S seconds for N events of this name, and consumes them;
                               a ChatMessages event counts as many as it has messages
  wait-state NAME [S]          waits up to S seconds (default 10) until the state has
                               this name, for example Error. Consumes no event, and is the way to
                               wait for a connection: a StateChanged names the state that it leaves,
                               too
  freeze S                     stops the whole client for S seconds: it neither reads nor sends,
                               not even pings, so that a server may end the connection
  drop                         simulates the loss of the connection: closes the socket without a
                               disconnect, which the client sees as a reset. Without a connection
                               it does nothing
  disconnect                   disconnects; connect or reconnect may follow
  reconnect                    connects directly to the front end with the data of the last login,
                               by way of the name server if that is no longer valid; allowed after
                               a disconnect or an Error
  suspend                      ends the connection before a pause, and keeps what resume needs
  resume                       comes back after suspend or an Error, at once; while connected it
                               asks the server for a sign of life
  network-changed              abandons the connection, as after a change of the network, and
                               connects again at once
  forget                       forgets all channels with their messages and last IDs; subscriptions
                               on the server stay
  help [COMMAND]               explains the commands; to a program as {\"event\":\"Help\",\"text\":..}
  quit                         disconnects, sends what is queued, and ends, as does the end of the
                               input

Empty lines and lines that begin with # are ignored. At a terminal there is a prompt, and a line
that is not a command, or a wait that fails, does not end the run.

Commands run in order, each as soon as the one before has finished. Names of channels and users
contain no spaces here, and in lists no commas. TEXT is the rest of the line after one space. For
content that is not text, or that begins with json: itself, TEXT is json: and a tagged value:
  publish general json:{\"t\":\"int\",\"v\":7}
  publish general json:{\"t\":\"array\",\"of\":\"string\",\"v\":[{\"t\":\"string\",\"v\":\"a\"}]}
(types: null bool byte short int long float double string bytes array hashtable dict custom request
response event; photon-inspect encode --help and decode --help explain them). S is a number of
seconds, with an optional fraction.

In properties KEY is a text without spaces and = signs. TEXT ends at the next space and may be
empty; or it is json: and a tagged value, which may contain spaces. Null removes a property:
  setprops general topic=dice stake=json:{\"t\":\"int\",\"v\":3} motto=json:{\"t\":\"string\",\"v\":\"two words\"}
  setprops general stake=json:{\"t\":\"null\"}
Use op for keys of other types, for changes that depend on expected values, and for operations
without a command:
  op 5 {\"10\":{\"t\":\"int\",\"v\":2},\"12\":{\"t\":\"bool\",\"v\":true}}
The parameters of op may also be a list [[CODE,TAGGED VALUE],..]. If a server does not support an
operation, such as properties, or rejects it, an OperationResponse has a return_code other than 0.

A wait consumes the first matching event that no earlier wait consumed, even if it was printed long
ago. An event that a wait-count consumed in part does not match a wait. EVENT is the printed name,
in the same case. During wait and sleep the client keeps the connection alive. The newest 64 MiB of
printed events are kept for waits. A wait ends early, as a failed one, when the connection has ended
and the client does not connect again by itself, so that nothing can follow.

In wait FIELD is a field of the event as printed, or of one of its messages, channels or regions;
dots lead to fields inside of it. All must fit, those of messages in one and the same message. VALUE
is a text without spaces or in quotes as in JSON, a number, or for CODE and VALUE what they contain:
  wait StateChanged to=ConnectedToFrontEnd
  wait ChatMessages 5 channel=general sender=bob content=\"hello there\"
  wait SubscribeResult channel=general outcome=Done
  wait Error code=1004 cause.kind=Silent

When a command has finished, the program prints
  {\"event\":\"Command\",\"line\":TEXT OF THE LINE,\"ok\":true|false,\"error\":null|TEXT}
and, for a message that was accepted, \"token\":N, the number that MessageSent, MessageRefused or
MessageUnconfirmed repeats.
ok is false if the client rejected the command, for example because it is not connected. Then
nothing was sent, and the run continues. ok does not mean that the server accepted a request: that
is reported by events.

Control, format and separator characters other than the space are escaped in all lines (\\u2028).

Events are printed as they arrive, with these fields. CODE is {\"name\":..,\"code\":N}, VALUE a tagged
value, MESSAGE {\"sender\":..,\"content\":VALUE,\"id\":N|null}, REFUSAL {operation, code: CODE, message}:
  StateChanged        from, to: CODE (0 Uninitialized, 1 ConnectingToNameServer,
                      2 ConnectedToNameServer, 3 ConnectingToFrontEnd, 4 ConnectedToFrontEnd,
                      10 Disconnected, -1 Error)
  Error               code: CODE; cause: server, kind (its name and fields), return_code: CODE or
                      null, text, earlier: the causes of addresses that were tried before,
                      unsent_messages: N; message: the cause as text
  RegionsResult       code: CODE, 0 for success; regions: a list of {\"code\":..,\"address\":..};
                      message
  Authenticated       user_id, nickname: text or null, data: VALUE or null; from the name server,
                      and from the front end if it sends new data
  SubscribeResult     channels: a list of {\"channel\":..,\"outcome\":\"Done\"|\"Refused\"|\"Failed\"|
                      \"TimedOut\"|\"ConnectionLost\",\"error\":null|REFUSAL,\"request\":N|null}
  UnsubscribeResult   the same
  ChatMessages        channel, messages: a list of MESSAGE; origin: \"Live\"|\"History\"|\"Older\"|\"Late\"
  PrivateMessage      channel: the other user, message: MESSAGE
  ConversationForgotten  user: the conversation with it was the least recently used of too many
  UserStatusUpdate    user, status: CODE, message: {\"name\":\"Kept\"|\"Cleared\"} or
                      {\"name\":\"Set\",\"value\":VALUE}
  UserSubscribed      channel, user, properties: a list of [VALUE,VALUE]
  UserUnsubscribed    the same
  PropertiesChanged   channel, user or null, by, properties: a list of [VALUE,VALUE]
  ErrorInfo           channel, message: text or null, data: VALUE or null
  OperationResponse   operation: N, return_code: CODE, message, parameters: a list of [N,VALUE]
  Other               code: N, parameters
  Gap                 channel, after: the id of the last message before the hole, missing: N|null,
                      verified, new_life: true|false; messages are missing that the server no
                      longer has
  ReconnectScheduled  attempt: N, after_ms: N; with --restore, after an Error
  Restored            channels: N, failed: as in SubscribeResult; once per connection
  ReconnectGaveUp     cause: as in Error; the client does not come back by itself
  CredentialsNeeded   no fields
  MessageSent         token: N, id: N
  MessageRefused      token: N, error: REFUSAL, guess: true|false
  MessageUnconfirmed  token: N
  BadMessage          error: kind, offset, field; bytes: VALUE

Example:
  connect
  wait-state ConnectedToFrontEnd
  subscribe general -1
  wait SubscribeResult channel=general outcome=Done
  publish general hello
  wait ChatMessages content=hello

Exit status:
  0    quit, or the end of the input
  1    standard input or output failed, the system provided no random numbers, or with --strict the
       client refused a command
  2    ended by --max-seconds
  3    a wait or wait-count did not find its events in time
  64   wrong arguments, or a line that is not a command
  130  SIGINT or SIGTERM (Ctrl-C): the client disconnects first; a second one ends it at once
";

/// The explanation of all commands of `run`.
pub(crate) fn commands() -> String {
    let (_, commands) = RUN.split_once("\nCommands:\n").unwrap_or_default();
    let (commands, _) = commands.split_once("\n\n").unwrap_or_default();
    debug_assert!(!commands.is_empty());
    format!("{commands}\n")
}

/// The names of all commands of `run`.
pub(crate) fn names(commands: &str) -> impl Iterator<Item = &str> {
    let entries = commands.lines().filter_map(|line| line.strip_prefix("  "));
    entries
        .filter(|entry| !entry.starts_with(' '))
        .filter_map(|entry| entry.split(' ').next())
}

/// How one command of `run` is written: a line for each of its forms, and none if there is none of this
/// name.
pub(crate) fn usages(name: &str) -> Vec<String> {
    let is_form = |entry: &&str| entry.split(' ').next() == Some(name);
    let commands = commands();
    let entries = commands.lines().filter_map(|line| line.strip_prefix("  "));
    entries
        .filter(is_form)
        // The explanation begins behind two spaces.
        .map(|entry| entry.split("  ").next().unwrap_or(entry).to_owned())
        .collect()
}

/// The explanation of one command of `run`; empty if there is none of this name.
pub(crate) fn of_command(name: &str) -> String {
    let mut text = String::new();
    let mut is_wanted = false;
    for line in commands().lines() {
        let entry = line.strip_prefix("  ").unwrap_or(line);
        if !entry.starts_with(' ') {
            is_wanted = entry.split(' ').next() == Some(name);
        }
        if is_wanted {
            text.push_str(line);
            text.push('\n');
        }
    }
    text
}
