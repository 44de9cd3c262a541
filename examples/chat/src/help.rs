//! What `--help` prints.

pub(crate) const VERSION: &str = concat!("photon-chat ", env!("CARGO_PKG_VERSION"), "\n");

pub(crate) const PROGRAM: &str = "\
A Photon Chat client: a demo conversation, and a client for scripts. Unofficial, not affiliated with Exit Games.

Usage: photon-chat demo [OPTION..]
       photon-chat run --server URL --app-id ID [OPTION..]
       photon-chat COMMAND --help

Commands:
  demo   two users talk through a development server that comes along; needs nothing and stays on this machine
  run    reads commands from standard input and prints events as JSON: connect, regions, region, subscribe,
         subscribe-opts, unsubscribe, publish, publish-web, private, private-encrypted, status, status-keep, friends,
         unfriend, setprops, setuserprops, op, op-encrypted, channels, stats, sleep, wait, wait-count, freeze, drop,
         disconnect, reconnect, forget, quit. photon-chat run --help explains each

Options:
  -h, --help       this text, or with a command the text about it
  -V, --version    name and version

Exit status: 0 success; 64 wrong arguments; others are explained by photon-chat COMMAND --help.
";

pub(crate) const DEMO: &str = "\
Shows a conversation of two users over real sockets, and checks that all of it happens.

Usage: photon-chat demo [OPTION..]

A development server is started on free ports of 127.0.0.1. alice and bob log in, subscribe to a channel with its
history, talk, exchange encrypted private messages, watch each other's status, meet in a channel that tells who is in
it and has properties, leave and disconnect. What each of them does and sees is printed.

Options:
  --transport udp|tcp|ws|wss
                        how to connect (default udp)
  --protocol 1.6|1.8|json
                        what messages are written in (default 1.8); json over ws and wss only
  --all                 the conversation over every transport in every protocol, and a table of them
  --crc                 a check sum in every datagram
  --loss PERCENT        a bad line, in both directions: so many datagrams never arrive
  --duplicate PERCENT   so many arrive twice
  --delay MS            each takes so long
  --jitter MS           each takes up to so much longer, so that later ones overtake earlier ones
  --corrupt PERCENT     in so many one bit is flipped, which only --crc notices
  --seed N              the same number, the same line
  -h, --help            this text

Colours are used on a terminal, unless the environment says NO_COLOR or TERM=dumb.

Exit status: 0 everything that was expected came; 1 something did not (standard error says what), or the server could
not be started, or output failed; 64 wrong arguments.
";

pub(crate) const RUN: &str = "\
A client for scripts: reads one command a line from standard input, prints one JSON object a line.

Usage: photon-chat run --server URL --app-id ID [OPTION..]

Options:
  --server URL          the name server: udp://HOST:PORT, tcp://.., ws://.. or wss://.. (the port may be left out;
                        without a scheme it is UDP), or several separated by commas, tried in turn
  --app-id ID           the Chat app id; a development server takes any
  --app-version V       users of different versions never meet (default 1.0)
  --user U              the user id; without one the server chooses
  --region R            the region that connect goes to (default eu)
  --protocol 1.6|1.8|json
                        the serialization protocol (default 1.8); json over ws and wss only
  --no-encryption       no keys are exchanged: everything goes in clear, unless the server is wss://. json over ws://
                        needs it
  --ca FILE             whom to trust besides the usual authorities, for wss: certificates as PEM
  --auth-type N         custom authentication: its type, 0 to 255 (default 0 with --auth-params, else none)
  --auth-params S       custom authentication: its parameters, such as token=1&x=2
  --private-history N   how many private messages the server sends at login, at most
  --crc                 a check sum in every datagram; UDP only
  --max-seconds S       ends the run after this time, whatever happens (default 300)
  -h, --help            this text

The Photon cloud is --server ns.photonengine.io:5058 (UDP) or tcp://ns.photonengine.io:4533, with the app id of a Chat
application; a server for development is the program photon-dev-server.

Commands:
  connect                      connects to the name server and goes on to the front end of --region
  connect -                    connects to the name server and stays there
  regions                      asks the name server for its regions
  region R                     goes to the front end of region R, by way of the name server if need be
  subscribe CH[,CH] [HISTORY [ID[,ID]]]
                               subscribes to channels, with at most HISTORY older messages each (-1: all there are),
                               only those after the last ID seen, one ID for each channel
  subscribe-opts CH [publish=true|false] [max=N]
                               subscribes to one channel, and says what it is to be like if this creates it: whether
                               its users are told who is in it (default false), and how many it takes (default 0: any)
  unsubscribe CH[,CH]          leaves channels
  publish CH TEXT              publishes in a channel
  publish-web CH TEXT          the same, forwarded to the application's web hook
  private USER TEXT            sends a private message
  private-encrypted USER TEXT  the same, encrypted on its way to the server
  status N [TEXT]              sets the user's status (0 offline, 1 invisible, 2 online, 3 away, 4 do not disturb,
                               5 looking for a game, 6 playing, any other number), with TEXT as its message; without
                               TEXT the message is cleared
  status-keep N                sets the status; the message stays as it is
  friends U[,U]                watches the status of these users from now on
  unfriend U[,U]               stops watching them
  setprops CH KEY=TEXT ..      sets properties of a channel
  setuserprops CH USER KEY=TEXT ..
                               sets properties of a user in a channel
  op CODE [{\"PARAMETER CODE\":TAGGED VALUE,..}]
                               sends any operation but Authenticate (230), with these parameters
  op-encrypted CODE [..]       the same, encrypted on its way to the server
  channels                     prints {\"event\":\"Channels\",\"public\":[..],\"private\":[..]}, each channel with name,
                               last_id, the cached messages, and what is known of subscribers and properties
  stats                        prints {\"event\":\"Stats\",..}: state, user id, round trip and counters; over UDP also
                               resends, and what was lost or dropped, by reason
  sleep S                      goes on after S seconds
  wait EVENT [S [SUBSTRING]]   waits at most S seconds (default 10) for an event of this name whose printed line
                               contains SUBSTRING, and takes it
  wait-count EVENT N S         waits at most S seconds for N events of this name, and takes them; an event
                               ChatMessages counts for as many as it has messages, because servers gather them
  freeze S                     does nothing at all for S seconds: what comes is not read, and nothing is sent, pings
                               neither, so that servers may lose patience
  drop                         cuts the connection without disconnecting, as a line that breaks does; the client meets
                               that as a reset. Does nothing without a connection
  disconnect                   disconnects; connect or reconnect may follow
  reconnect                    goes straight back to the front end with what the last login gave, by way of the name
                               server if that is no longer good; when disconnected, or after an Error
  forget                       forgets all channels with their messages and last IDs; subscriptions on a server stay
  quit                         disconnects, sends what is left, and ends; so does the end of the input

Commands are executed in their order, each as soon as the one before is done. Names of channels and users are without
spaces here, and in lists without commas. TEXT is the rest of the line behind one space. It may be json: and a tagged
value, for content that is no text or begins with json: itself, such as
  publish general json:{\"t\":\"int\",\"v\":7}
  publish general json:{\"t\":\"array\",\"of\":\"string\",\"v\":[{\"t\":\"string\",\"v\":\"a\"}]}
(types: null bool byte short int long float double string bytes array hashtable dict custom request response event;
photon-inspect encode --help and decode --help tell more). S is a number of seconds, decimals allowed.

In properties KEY is a text without spaces and = signs, and TEXT ends at the next space and may be empty; or it is
json: and a tagged value, which goes as far as its JSON goes, spaces and all. Null removes a property:
  setprops general topic=dice stake=json:{\"t\":\"int\",\"v\":3} motto=json:{\"t\":\"string\",\"v\":\"two words\"}
  setprops general stake=json:{\"t\":\"null\"}
Keys of other types, and changes on condition of expected values, are for op, as is all that has no command:
  op 5 {\"10\":{\"t\":\"int\",\"v\":2},\"12\":{\"t\":\"bool\",\"v\":true}}
The parameters of op may also be a list [[CODE,TAGGED VALUE],..]. What a server does not know, such as properties, or
does not like, it answers with an OperationResponse whose return_code is not 0.

A wait takes the first event that fits and that no wait before has taken, also one printed long ago; what a wait-count
has taken a part of is gone for wait. EVENT is a name as it is printed, in the same case. Waiting and sleeping keep the
connection served. The newest 64 MiB of printed events are kept for waits.

Every command gives, when it is done,
  {\"event\":\"Command\",\"line\":TEXT OF THE LINE,\"ok\":true|false,\"error\":null|TEXT}
ok is false for a command that was refused (not connected, say); nothing was sent then, and the run goes on. That
something was accepted does not mean that it arrived: the events tell.

Events are printed as soon as they come, with these fields. CODE is {\"name\":..,\"code\":N}, VALUE a tagged value,
MESSAGE {\"sender\":..,\"content\":VALUE,\"id\":N|null}:
  StateChanged        from, to: CODE (0 Uninitialized, 1 ConnectingToNameServer, 2 ConnectedToNameServer,
                      3 ConnectingToFrontEnd, 4 ConnectedToFrontEnd, 10 Disconnected, -1 Error)
  Error               code: CODE; cause: server, kind (its name and what belongs to it), return_code: CODE or null,
                      text, earlier: causes of the addresses tried before; message: the same in words
  RegionsResult       code: CODE, 0 for success; regions: a list of {\"code\":..,\"address\":..}; message
  Authenticated       user_id, nickname: text or null, data: VALUE or null; from the name server, and from the
                      front end if it has news
  SubscribeResult     channels: a list of {\"channel\":..,\"outcome\":\"Done\"|\"Refused\"|\"Failed\"|\"TimedOut\"|
                      \"ConnectionLost\",\"error\":null|{operation, code: CODE, message},\"request\":N|null}
  UnsubscribeResult   the same
  ChatMessages        channel, messages: a list of MESSAGE
  PrivateMessage      channel: the other user, message: MESSAGE
  UserStatusUpdate    user, status: CODE, message: {\"name\":\"Kept\"|\"Cleared\"} or {\"name\":\"Set\",\"value\":VALUE}
  UserSubscribed      channel, user, properties: a list of [VALUE,VALUE]
  UserUnsubscribed    the same
  PropertiesChanged   channel, user or null, by, properties: a list of [VALUE,VALUE]
  ErrorInfo           channel, message: text or null, data: VALUE or null
  OperationResponse   operation: N, return_code: CODE, message, parameters: a list of [N,VALUE]
  Other               code: N, parameters
  BadMessage          error: kind, offset, field; bytes: VALUE

Example:
  connect
  wait StateChanged 10 ConnectedToFrontEnd
  subscribe general -1
  wait SubscribeResult
  publish general hello
  wait ChatMessages 5 hello

Exit status:
  0    quit, or the end of the input
  1    standard input or output failed, or the system has no random numbers
  2    ended by --max-seconds
  3    a wait or wait-count did not get its events in time
  64   wrong arguments, or a line that is no command
";
