//! What `--help` prints.

pub(crate) const VERSION: &str = concat!("photon-inspect ", env!("CARGO_PKG_VERSION"), "\n");

pub(crate) const PROGRAM: &str = "\
Reads and writes the binary messages of the Photon protocols, for people who debug captures.

Usage: photon-inspect decode --protocol 1.6|1.8 --kind value|message|frame [--key HEX]
       photon-inspect encode --protocol 1.6|1.8 --kind value|message|frame [--key HEX]
       photon-inspect frames [--protocol 1.6|1.8] [--role client|server] [--key HEX]
       photon-inspect datagram [--protocol 1.6|1.8] [--key HEX]
       photon-inspect COMMAND --help

Commands:
  decode    from hex to JSON: one value, message or frame a line
  encode    from JSON to hex: the same the other way
  frames    from the hex of a whole TCP stream (one direction) to JSON, a line for each piece
  datagram  from the hex of UDP datagrams, one a line, to JSON with their commands and messages

Input comes on standard input, output goes to standard output, a line for a line; blank lines are skipped. In hex,
either case and white space inside a line are fine. In JSON every value says its type:
  {\"t\":\"int\",\"v\":7}   {\"t\":\"string\",\"v\":\"hi\"}   {\"t\":\"array\",\"of\":\"int\",\"v\":[{\"t\":\"int\",\"v\":7}]}
  {\"t\":\"request\",\"op\":2,\"params\":[[1,{\"t\":\"string\",\"v\":\"general\"}]]}
The easiest way to see how something is written is to decode it.

A bad line gives {\"error\":{\"kind\":..,\"offset\":..,\"field\":..}} in its place, and the program goes on.

Options:
  -h, --help       this text, or with a command the text about it
  -V, --version    name and version

Exit status: 0 all lines were good; 1 some were not, or input or output failed; 64 wrong arguments.
";

pub(crate) const DECODE: &str = "\
From hex to JSON.

Usage: photon-inspect decode --protocol 1.6|1.8 --kind value|message|frame [--key HEX]

Each line of input is the hex of exactly one thing:
  --kind value     one value with its type code
  --kind message   one message, from its first byte F3 on (FD is read too), or an init in text form
  --kind frame     one TCP frame (FB..) or ping (F0.., 5 bytes from a client, 9 from a server), or the message in one
                   WebSocket message

Options:
  --protocol 1.6|1.8   the serialization protocol of the connection
  --key HEX            the AES-256 key of the connection, 64 hex digits. With it an encrypted message is printed as
                       {\"t\":\"encrypted\",\"message_type\":N,\"plaintext\":HEX,\"inner\":{the message in it}};
                       without, as {\"t\":\"encrypted\",\"message_type\":N,\"cipher_len\":N,\"hex\":HEX}
  -h, --help           this text

Bytes behind the parameters of a message are no error; \"surplus_bytes\" counts them.

A bad line gives {\"error\":{\"kind\":K,\"offset\":N,\"field\":F}}: what is wrong, at which byte, in which field. In a
decrypted message the byte is one of the plaintext behind the two header bytes. For hex that is none the kind is
BadHex and the offset that of the character in the line.

Exit status: 0 all lines were good; 1 some were not, or input or output failed; 64 wrong arguments.
";

pub(crate) const ENCODE: &str = "\
From JSON to hex.

Usage: photon-inspect encode --protocol 1.6|1.8 --kind value|message|frame [--key HEX]

Each line of input is one JSON object as decode prints it; keys that mean nothing are ignored. In floats \"bits\" (the
IEEE 754 bits in hex) win over \"v\"; either may be left out.

  --kind value     null, bool, byte, short, int, long, float, double, string, bytes, array, hashtable, dict, custom,
                   request, response, event
  --kind message   request, response, event, disconnect, internal_request, internal_response, init, init_response,
                   value_message, raw, encrypted
  --kind frame     tcp, tcp_ping_request, tcp_ping_response, ws_message

Options:
  --protocol 1.6|1.8   the serialization protocol of the connection
  --key HEX            the AES-256 key of the connection, 64 hex digits: seals each {\"t\":\"encrypted\",\"inner\":{..}}. An
                       \"aes_key\" in that object takes its place. Without an \"inner\" message the object's
                       \"message_type\" and \"hex\" are written as they are. Other messages stay plain
  -h, --help           this text

A bad line gives {\"error\":{\"kind\":K,\"offset\":N,\"field\":F}}:
  BadJson       no JSON; N is the byte in the line
  BadNotation   JSON, but no such thing; F is where ($.params[0][1].v), and \"expected\" what should be there
  NoKey         to be encrypted, and there is no key
  others        the protocol cannot express it; F is where: [3] an element, {7} the key or value of a pair, (22) a
                parameter; empty for the thing itself

Exit status: 0 all lines were good; 1 some were not, or input or output failed; 64 wrong arguments.
";

pub(crate) const FRAMES: &str = "\
From the hex of a whole TCP stream to JSON, a line for each piece.

Usage: photon-inspect frames [--protocol 1.6|1.8] [--role client|server] [--key HEX]

Each line of input is all that went in one direction of one connection. Its pieces are printed one a line:
  {\"t\":\"tcp\",\"channel\":N,\"reliability\":N,\"message\":{..}}
  {\"t\":\"tcp_ping_request\",\"client_time\":N}
  {\"t\":\"tcp_ping_response\",\"server_time\":N,\"client_time\":N}

Options:
  --protocol 1.6|1.8     the serialization protocol. Without it an init in the stream decides for what follows it and
                         for later lines; until the first one it is 1.8
  --role client|server   which end of the connection reads the stream (a client reads what the server sent). Without
                         it, it is guessed from the messages
  --key HEX              the AES-256 key of the connection, 64 hex digits, for encrypted messages; see decode --help
  -h, --help             this text

A message that cannot be read gives {\"t\":\"tcp\",\"channel\":N,\"reliability\":N,\"error\":{..},\"hex\":HEX}, and the stream
goes on. Bytes at its end that make no whole piece give {\"error\":{\"kind\":\"Truncated\",..}}; a piece that begins
wrong or is too long ends the stream with an error of its kind. Offsets count from the start of the stream.

Exit status: 0 everything was good; 1 something was not, or input or output failed; 64 wrong arguments.
";

pub(crate) const DATAGRAM: &str = "\
From the hex of UDP datagrams to JSON.

Usage: photon-inspect datagram [--protocol 1.6|1.8] [--key HEX]

Each line of input is one datagram, all that one UDP packet carries:
  {\"t\":\"datagram\",\"peer_id\":N,\"flags\":N,\"command_count\":N,\"sent_time\":N,\"challenge\":HEX,\"length\":N,
   \"commands\":[{\"type\":N,\"name\":NAME,\"channel\":N,\"flags\":N,\"reserved\":N,\"size\":N,\"reliable_seq\":N,..},..]}
\"crc\" and \"crc_valid\" are there if the datagram has a check sum, \"trailing_bytes\" if bytes follow the last command.

A command has the fields of its type. One with a payload has \"payload_length\", \"payload_head\" (its first 8 bytes) and
the message in it as \"message\". Fragments show their header. Once all fragments of a message have been read, from this
line or others, whatever their order, the message follows as a line of its own:
  {\"t\":\"reassembled\",\"type\":N,\"name\":NAME,\"channel\":N,\"start_seq\":N,\"fragment_count\":N,\"total_length\":N,
   \"message\":{..}}
Both directions and several connections may be mixed; repeated datagrams do no harm.

Options:
  --protocol 1.6|1.8   the serialization protocol. Without it an init in a datagram decides for what follows it and for
                       later lines; until the first one it is 1.8
  --key HEX            the AES-256 key of the connection, 64 hex digits, for encrypted messages; see decode --help
  -h, --help           this text

A message that cannot be read gives \"error\":{..} and \"hex\":HEX in its place; a fragment that cannot be one, \"error\" of
kind BadFragment in its command. A datagram that a receiver drops whole gives {\"error\":{\"kind\":K,..}}:
  Truncated    less than a header
  TooLong      more than 2048 bytes
  BadFlags     encrypted (01), or flags that the protocol does not define
  BadCrc       a wrong check sum; \"expected\" is the right one
  NoCommands   it says that it has none
  BadCommand   the command named by \"field\" does not fit: its header or size is cut off, or too small for its type
Offsets count from the start of the datagram, for reassembled messages from the start of the message.

Exit status: 0 everything was good; 1 something was not, or input or output failed; 64 wrong arguments.
";
