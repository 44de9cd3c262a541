// How many events a second the official JavaScript SDK processes: from the text of a WebSocket to the callback, which
// reads every text. Prints one number for each argument, the messages of an event.
//
//     NODE_PATH=examples/dev-server/interop/node_modules node whole_path.cjs 1 10 100
//
// The SDK runs as it is, on a WebSocket that answers its requests and that needs no network.
'use strict';

console.log = console.info = console.debug = () => {};

const SECONDS = 3;
const BATCH_MESSAGES = 2000;
const LINE = 'The quick brown fox jumps over the lazy dog, then sits down and has a long think about chat systems.';

let socket = null;

class Socket {
    constructor() {
        socket = this;
        this.readyState = 0;
        this.listeners = {};
        setImmediate(() => {
            this.readyState = 1;
            this.raise('open', {});
            this.receive('~m~16~m~0123456789abcdef');
        });
    }

    addEventListener(name, listener) {
        this.listeners[name] = listener;
    }

    on(name, listener) {
        this.listeners[name] = (event) => listener(event.data);
    }

    raise(name, event) {
        (this['on' + name] ?? this.listeners[name])?.call(this, event);
    }

    receive(text) {
        this.raise('message', { data: text, type: 'message' });
    }

    send(text) {
        const code = /"req":(\d+)/.exec(text)?.[1];
        const answers = {
            230: [{ vals: [221, 'token', 230, 'ws://127.0.0.1:2'], err: 0, msg: null, res: 230 }],
            0: [
                { vals: [], err: 0, msg: null, res: 0 },
                { vals: [0, ['general'], 15, [true]], evt: 5 },
            ],
        };
        for (const answer of answers[code] ?? []) {
            setImmediate(() => this.receive(frame(answer)));
        }
    }

    close() {}
    terminate() {}
}
Socket.CONNECTING = 0;
Socket.OPEN = 1;
Socket.CLOSING = 2;
Socket.CLOSED = 3;
Socket.WebSocket = Socket;

function frame(object) {
    const payload = '~j~' + JSON.stringify(object);
    return `~m~${payload.length}~m~${payload}`;
}

// The one package that the SDK requires, replaced by the socket above.
const name = require.resolve('ws');
require.cache[name] = { id: name, filename: name, loaded: true, exports: Socket };
globalThis.WebSocket = Socket;

const Photon = require('photon-realtime');

function events(lines, count, firstId) {
    const senders = Array.from({ length: lines }, (_, number) => `user${number}`);
    const texts = Array(lines).fill(LINE);
    // All ids have as many digits, so all texts have one length.
    return Array.from({ length: count }, (_, number) => {
        return frame({ vals: [1, 'general', 4, senders, 2, texts, 8, firstId + number * lines], evt: 0 });
    });
}

let read = 0;
let characters = 0;

// The rates of many short batches: of them all, the upper quartile, because other programs disturb some.
function measure(client, lines) {
    const count = Math.max(5, Math.floor(BATCH_MESSAGES / lines));
    const rates = [];
    const end = Date.now() + SECONDS * 1000;
    let lastId = 1000000;
    while (Date.now() < end) {
        const some = events(lines, count, lastId);
        lastId += count * lines;
        // It keeps every message, and becomes slower.
        for (const channel of Object.values(client.getPublicChannels())) {
            channel.clearMessages?.();
        }
        const before = read;
        const begun = process.hrtime.bigint();
        for (const text of some) {
            socket.receive(text);
        }
        const seconds = Number(process.hrtime.bigint() - begun) / 1e9;
        if (read - before !== count * lines) {
            throw new Error(`${read - before} of ${count * lines} messages were delivered`);
        }
        rates.push(count / seconds);
    }
    rates.sort((left, right) => left - right);
    process.stdout.write(`${Math.round(rates[Math.floor(rates.length * 0.75)])}\n`);
}

const sizes = process.argv.slice(2).map(Number);

Photon.setOnLoad(() => {
    const client = new Photon.Chat.ChatClient(Photon.ConnectionProtocol.Ws, 'app', '1');
    client.setNameServerAddress('ws://127.0.0.1:1');
    client.setUserId('alice');
    client.setLogLevel(Photon.LogLevel.OFF);
    client.onChatMessages = (channel, messages) => {
        for (const message of messages) {
            characters += message.getSender().length + message.getContent().length;
            read++;
        }
    };
    client.onStateChange = (state) => {
        if (state === Photon.Chat.ChatClient.ChatState.ConnectedToFrontEnd) {
            client.subscribe(['general']);
        }
    };
    client.onSubscribeResult = () => setImmediate(() => {
        sizes.forEach((lines) => measure(client, lines));
        process.exit(0);
    });
    client.connectToNameServer({ region: 'eu' });
});
setTimeout(() => {
    process.stderr.write('the SDK does not get to the front end\n');
    process.exit(1);
}, 5000).unref();
