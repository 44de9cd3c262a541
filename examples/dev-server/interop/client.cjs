// The official JavaScript SDK as a client for scripts: a command on each line of standard input, an event on each line of
// standard output. See README.md.
'use strict';

// The SDK logs to the console; standard output is for events.
console.log = console.info = console.debug = console.error;

const readline = require('node:readline');
const Photon = require('photon-realtime');

const [address, appId, appVersion, userId] = process.argv.slice(2);
if (userId === undefined) {
    console.error('usage: node client.cjs ADDRESS APP_ID APP_VERSION USER_ID');
    process.exit(64);
}

// Messages and channels are objects with getters.
function plain(value) {
    if (typeof value?.getContent === 'function') {
        return { sender: value.getSender(), content: value.getContent() };
    }
    if (typeof value?.getMessages === 'function') {
        return {
            name: value.getName(),
            private: value.isPrivate(),
            lastId: value.getLastId(),
            messages: value.getMessages().map(plain),
        };
    }
    return Array.isArray(value) ? value.map(plain) : value;
}

function tell(event) {
    process.stdout.write(JSON.stringify(event) + '\n');
}

const protocol = address.startsWith('wss:') ? Photon.ConnectionProtocol.Wss : Photon.ConnectionProtocol.Ws;
const client = new Photon.Chat.ChatClient(protocol, appId, appVersion);
client.setNameServerAddress(address);
client.setUserId(userId);
client.setLogLevel(Photon.LogLevel.OFF);

const callbacks = [
    'onStateChange', 'onError', 'onGetRegionsResult', 'onSubscribeResult', 'onUnsubscribeResult', 'onChatMessages',
    'onPrivateMessage', 'onUserStatusUpdate', 'onUserSubscribe', 'onUserUnsubscribe',
];
for (const name of callbacks) {
    client[name] = (...args) => tell({ event: name, args: args.map(plain) });
}

function channels(all) {
    return Object.fromEntries(Object.entries(all).map(([name, channel]) => [name, plain(channel)]));
}

function obey(line) {
    const { call, args = [] } = JSON.parse(line);
    if (call === 'channels') {
        const result = { public: channels(client.getPublicChannels()), private: channels(client.getPrivateChannels()) };
        return tell({ call, result });
    }
    if (typeof client[call] !== 'function') {
        return tell({ call, error: 'the SDK has no such method' });
    }
    try {
        tell({ call, result: client[call](...args) ?? null });
    } catch (error) {
        tell({ call, error: String(error) });
    }
}

Photon.setOnLoad(() => {
    tell({ event: 'ready', args: [Photon.Version] });
    const input = readline.createInterface({ input: process.stdin });
    input.on('line', obey);
    input.on('close', () => process.exit(0));
});
