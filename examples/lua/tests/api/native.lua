-- covers: native
local support = require("support")
local photon = require("photon")

local alice = support.connected("alice", { native = { confirmMessages = true } })
local bob = support.connected("bob")
local both = { alice, bob }
local room = "native" .. TRANSPORT

-- Confirmations.
support.subscribed(alice, room)
local sent
function alice.native.onMessageSent(client, event)
    assert(client == alice)
    sent = event
end
assert(alice:publishMessage(room, "x") == true)
local number = alice.native.lastMessage
support.until_true(both, function() return sent end)
support.equal(sent.message, number)
support.equal(sent.id, 1)

-- Subscribers and properties.
local public = "public" .. TRANSPORT
assert(alice.native:subscribe(public, true) == true)
support.until_true(both, function() return alice:getPublicChannels()[public] end)
local entered
function alice.native.onUserSubscribed(_, event) entered = event.user end
support.subscribed(bob, public)
support.until_true(both, function() return entered end)
support.equal(entered, "bob")
local users = alice.native:getSubscribers(public)
table.sort(users)
support.equal(table.concat(users, " "), "alice bob")
local changed
function bob.native.onPropertiesChanged(_, event) changed = event end
assert(alice.native:setChannelProperties(public, { topic = "news" }) == true)
support.until_true(both, function() return changed end)
support.equal(changed.channel, public)
support.equal(changed.properties.topic, "news")
support.equal(bob.native:getProperties(public).topic, "news")
assert(alice.native:setUserProperties(public, "alice", { mood = "fine" }) == true)
support.until_true(both, function() return bob.native:getProperties(public, "alice").mood end)

-- Statistics.
local statistics = alice.native:statistics()
assert(statistics.receivedMessages > 0 and statistics.gaps == 0)

-- Restore: the client comes back by itself.
local carol = support.connected("carol", { native = { restore = true } })
local kept = "kept" .. TRANSPORT
support.subscribed(carol, kept)
local channel = carol:getPublicChannels()[kept]
local restored
function carol.native.onRestored(_, event) restored = event end
carol.native:simulateConnectionLoss()
support.until_true(carol, function() return restored end)
support.equal(restored.channels, 1)
support.equal(carol.state, 4)
assert(carol:getPublicChannels()[kept] == channel)
-- Suspend and resume.
assert(carol.native:suspend() == true)
support.equal(carol.state, 10)
restored = nil
assert(carol.native:resume() == true)
support.until_true(carol, function() return restored end)
assert(carol.native:networkChanged() == true)
support.until_true(carol, function() return carol.state == 4 end)
for _, client in ipairs({ alice, bob, carol }) do client:disconnect() end
