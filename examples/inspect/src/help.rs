//! The texts of `--help`.

pub(crate) const VERSION: &str = concat!("photon-inspect ", env!("CARGO_PKG_VERSION"), "\n");

pub(crate) const PROGRAM: &str = "\
Converts the binary messages of the Photon protocols between hex and JSON, to debug captures.

Usage: photon-inspect decode --protocol 1.6|1.8 --kind value|message|frame [--key HEX]
       photon-inspect encode --protocol 1.6|1.8 --kind value|message|frame [--key HEX]
       photon-inspect frames [--protocol 1.6|1.8] [--role client|server] [--key HEX]
       photon-inspect datagram [--protocol 1.6|1.8] [--key HEX]
       photon-inspect COMMAND --help

Commands:
  decode    from hex to JSON, one value, message or frame per line
  encode    from JSON to hex, one value, message or frame per line
  frames    from the hex of a whole TCP stream (one direction) to JSON, one frame per line
  datagram  from the hex of UDP datagrams, one per line, to JSON with their commands and messages

The program reads standard input and writes standard output. It converts each line before it reads
the next one, and skips blank lines. Hex may have upper-case and lower-case digits; white space,
commas and colons in a line are ignored, and 0x in front of a byte. In JSON every value has its
type:
  {\"t\":\"int\",\"v\":7}   {\"t\":\"string\",\"v\":\"hi\"}
  {\"t\":\"array\",\"of\":\"int\",\"v\":[{\"t\":\"int\",\"v\":7}]}
  {\"t\":\"request\",\"op\":2,\"params\":[[1,{\"t\":\"string\",\"v\":\"general\"}]]}
To see the JSON form of something, decode it.

For a line with an error the program prints {\"error\":{\"kind\":..,\"offset\":..,\"field\":..}} and
continues with the next line. A \"hint\" beside it is a text for people: \"needed 9 bytes, have 5\", or
the command that reads such bytes.

From a capture file, with tshark (IP is the address of the server; for TCP, N is one stream):
  tshark -r FILE -Y 'udp && ip.addr == IP' -T fields -e udp.payload | photon-inspect datagram
  tshark -r FILE -Y 'tcp.len > 0 && tcp.stream == N && ip.src == IP' -T fields -e tcp.payload |
    tr -d '\\n' | photon-inspect frames --role client

Options:
  -h, --help       print this text, or the text of a command
  -V, --version    print name and version

Exit status: 0 all lines were valid; 1 a line had an error, or input or output failed; 64 wrong
arguments.
";

pub(crate) const DECODE: &str = "\
Decodes hex to JSON.

Usage: photon-inspect decode --protocol 1.6|1.8 --kind value|message|frame [--key HEX]

Each line of input is the hex of exactly one value, message or frame:
  --kind value     one value with its type code
  --kind message   one message from its first byte F3 on (FD is accepted), or an init in text form
  --kind frame     one TCP frame (FB..), one ping (F0..; 5 bytes from a client, 9 from a server), or
                   the message of one WebSocket message

Options:
  --protocol 1.6|1.8   the serialization of the connection
  --key HEX            the AES-256 key of the connection, 64 hex digits. With it an encrypted
                       message is printed as {\"t\":\"encrypted\",\"message_type\":N,
                       \"plaintext\":HEX,\"inner\":{the decrypted message}}; without it as
                       {\"t\":\"encrypted\",\"message_type\":N,\"cipher_len\":N,\"hex\":HEX}
  -h, --help           print this text

Bytes after the parameters of a message are not an error; \"surplus_bytes\" is their number.

For a line with an error the program prints {\"error\":{\"kind\":K,\"offset\":N,\"field\":F}}: the kind of
error, the byte, and the field. In a decrypted message the offset counts from the plaintext after
the two header bytes. For a line that is not hex the kind is BadHex, and the offset is that of the
character in the line.

Exit status: 0 all lines were valid; 1 a line had an error, or input or output failed; 64 wrong
arguments.
";

pub(crate) const ENCODE: &str = "\
Encodes JSON to hex.

Usage: photon-inspect encode --protocol 1.6|1.8 --kind value|message|frame [--key HEX]

Each line of input is one JSON object as decode prints it. Unknown keys are ignored. In floats
\"bits\" (the IEEE 754 bits in hex) takes precedence over \"v\"; one of them is enough.

  --kind value     null, bool, byte, short, int, long, float, double, string, bytes, array,
                   hashtable, dict, custom, request, response, event
  --kind message   request, response, event, disconnect, internal_request, internal_response, init,
                   init_response, value_message, raw, encrypted
  --kind frame     tcp, tcp_ping_request, tcp_ping_response, ws_message

Options:
  --protocol 1.6|1.8   the serialization of the connection
  --key HEX            the AES-256 key of the connection, 64 hex digits. It encrypts each
                       {\"t\":\"encrypted\",\"inner\":{..}}, unless the object has its own \"aes_key\".
                       Without \"inner\", \"message_type\" and \"hex\" are written unchanged. Other
                       messages are not encrypted
  -h, --help           print this text

For a line with an error the program prints {\"error\":{\"kind\":K,\"offset\":N,\"field\":F}}:
  BadJson       the line is not JSON; N is the byte in the line
  BadNotation   the JSON does not describe a value, message or frame; F is the place
                ($.params[0][1].v), and \"expected\" describes what is accepted there
  NoKey         the message is to be encrypted, but there is no key
  others        the protocol cannot express it; F is the place: [3] an element, {7} the key or value
                of a pair, (22) a parameter, or empty for the value itself

Exit status: 0 all lines were valid; 1 a line had an error, or input or output failed; 64 wrong
arguments.
";

pub(crate) const FRAMES: &str = "\
Decodes the hex of a whole TCP stream to JSON, one frame or ping per line.

Usage: photon-inspect frames [--protocol 1.6|1.8] [--role client|server] [--key HEX]

Each line of input is everything that one end of a connection sent. The program prints its frames
and pings, one per line:
  {\"t\":\"tcp\",\"channel\":N,\"reliability\":N,\"message\":{..}}
  {\"t\":\"tcp_ping_request\",\"client_time\":N}
  {\"t\":\"tcp_ping_response\",\"server_time\":N,\"client_time\":N}

Options:
  --protocol 1.6|1.8     the serialization of the connection. Without it the program begins with 1.8
                         and follows each init message in the stream, also in later lines
  --role client|server   the end of the connection that reads the stream (a client reads what the
                         server sent). Without it the program guesses from the messages
  --key HEX              the AES-256 key of the connection, 64 hex digits, for encrypted messages;
                         see decode --help
  -h, --help             print this text

A message that does not decode gives {\"t\":\"tcp\",\"channel\":N,\"reliability\":N,\"error\":{..},\"hex\":HEX},
and the stream continues. An incomplete frame at the end gives {\"error\":{\"kind\":\"Truncated\",..}}. A
frame with a wrong first byte or a wrong length ends the stream with an error. Offsets count from
the start of the stream.

Exit status: 0 everything was valid; 1 something had an error, or input or output failed; 64 wrong
arguments.
";

pub(crate) const DATAGRAM: &str = "\
Decodes the hex of UDP datagrams to JSON.

Usage: photon-inspect datagram [--protocol 1.6|1.8] [--key HEX]

Each line of input is the payload of one UDP packet: one datagram, or several that were captured
together. From a capture file:
  tshark -r FILE -Y 'udp && ip.addr == IP' -T fields -e udp.payload | photon-inspect datagram
The output for each datagram:
  {\"t\":\"datagram\",\"peer_id\":N,\"flags\":N,\"command_count\":N,\"sent_time\":N,\"challenge\":HEX,
   \"length\":N,\"commands\":[{\"type\":N,\"name\":NAME,\"channel\":N,\"flags\":N,\"reserved\":N,\"size\":N,
   \"reliable_seq\":N,..},..]}
A datagram with a checksum has \"crc\" and \"crc_valid\". \"trailing_bytes\" is the number of bytes after
the last command, if there are any.

A command has the fields of its type. One with a payload has \"payload_length\", \"payload_head\" (the
first 8 bytes) and the decoded \"message\". Fragments show their header. When all fragments of a
message have been read, from this line or earlier ones and in any order, the message follows as a
line of its own:
  {\"t\":\"reassembled\",\"type\":N,\"name\":NAME,\"channel\":N,\"start_seq\":N,\"fragment_count\":N,
   \"total_length\":N,\"message\":{..}}
The input may mix both directions and several connections, and may repeat datagrams.

Options:
  --protocol 1.6|1.8   the serialization of the connection. Without it the program begins with 1.8
                       and follows each init message in a datagram, also in later lines
  --key HEX            the AES-256 key of the connection, 64 hex digits, for encrypted messages; see
                       decode --help
  -h, --help           print this text

In place of a message that does not decode there is \"error\":{..} and \"hex\":HEX. A fragment whose
header is invalid has an \"error\" of kind BadFragment in its command. A datagram that a receiver
drops as a whole gives {\"error\":{\"kind\":K,..}}:
  Truncated    shorter than a header
  TooLong      longer than 2048 bytes
  BadFlags     encrypted (01), or flags that the protocol does not define
  BadCrc       a wrong checksum; \"expected\" is the right one
  NoCommands   its command count is 0
  BadCommand   the command named by \"field\" does not fit: its header or its size is cut off, or the
               size is too small for its type
Offsets count from the start of the datagram, for reassembled messages from the start of the
message.

Exit status: 0 everything was valid; 1 something had an error, or input or output failed; 64 wrong
arguments.
";
