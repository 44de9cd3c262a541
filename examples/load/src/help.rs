//! The text of `--help`.

pub(crate) const HELP: &str = "\
Runs thousands of chat clients in one process and one thread, and measures how long messages take,
what is lost, and what it costs. Without --server it starts a development server in this process:

    photon-load --clients 500 --channels 10 --traffic 20 --rate 2000 --plot load.svg

Usage: photon-load [OPTION]...

The run has these steps: the clients start one after another (ramp), are idle, publish messages at
a steady rate (traffic), publish one message in every channel at once (publish), and disconnect.

Server:
  --server ADDRESS      the name server: udp://, tcp://, ws:// or wss://HOST:PORT (default: a
                        development server in this process)
  --transport NAME      udp, tcp, ws or wss: how to reach the server in this process (default udp)
  --i-own-this-server   needed for a server on another machine: state that it is yours, or that its
                        owner agrees. A load test of any other server is an attack
  --root FILE           trust this certificate (PEM) instead of the usual roots (wss:// only)
  --server-pid PID      also report memory and processor time of this process, the server
  --app-id ID           the Chat app id; a development server accepts any (default load)
  --region CODE         the region (default eu)

Clients:
  --clients N           the number of clients (default 200)
  --channels N          the number of channels; each client is in one of them (default 5)
  --channel NAME        the channel, or with more than one: NAME-0, NAME-1, .. (default load)
  --protocol 1.6|1.8    the serialization of messages (default 1.8)
  --restore             clients that lose the server come back by themselves
  --crc                 add a checksum to each datagram (UDP only)
  --driver loop         one event loop waits for the sockets of all sessions (default)
  --driver session      every session has its own service() call, 60 times a second, as in a game

Steps:
  --ramp SECONDS        the time in which the clients start, evenly (default 2)
  --idle SECONDS        the time in which they are idle (default 0)
  --traffic SECONDS     the time of steady traffic, 0 for none (default 10)
  --rate N              deliveries per second: messages times the clients of their channel
                        (default 1000)
  --bytes N             the length of a message, 40 to 10000 (default 100)

Output:
  --json                print one JSON object on standard output, and all else on standard error
  --plot FILE.svg       draw latency and deliveries of each second of the traffic
  --log-level LEVEL     off, error, warn, info, debug or trace, to standard error (default off)
  -h, --help            print this text
  -V, --version         print name and version

The latency of a delivery counts from the time at which its message was due, so that a test which
falls behind shows it, until the client has read the message from its socket. At the end a table
compares the figures of the clients with those of the server in this process; a difference is a
failure. For a server in a process of its own, compare them with what its command `stats` counts:
`events` are the deliveries and one for each client that joined.

To measure memory, use a server in a process of its own:

    cargo run --release -p photon-dev-server
    cargo run --release --manifest-path examples/load/Cargo.toml -- \\
        --server udp://127.0.0.1:5058 --server-pid PID

Each client has an open socket, so many clients need a higher limit of open files than usual. The
program prints the necessary limit before it starts; set it with `ulimit -n` in the shell that
starts the program. Except over UDP the server needs as many.

With --restore, the server may be killed and started again: give it `--state FILE` to keep channels
and sessions. The test then waits up to 60 seconds for all to come back, and reports attempts,
restores, gaps and missing messages. A gap means that the server no longer had messages that a
client had not received. A server that has forgotten messages begins a new life of their channel,
in which clients may get again what they had: these deliveries are counted separately.

Exit status: 0 all clients connected, none was disconnected for good, and each message reached each
client of its channel once, the last ones within 10 seconds; 1 otherwise (the lines FAILED and cause
explain it); 64 wrong arguments.
";

pub(crate) const VERSION: &str = concat!("photon-load ", env!("CARGO_PKG_VERSION"), "\n");
