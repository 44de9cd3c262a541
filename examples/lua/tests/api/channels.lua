-- covers: subscribe, onSubscribeResult, unsubscribe, onUnsubscribeResult, publishMessage, onChatMessages
-- covers: getPublicChannels, getPrivateChannels, sendPrivateMessage, onPrivateMessage
-- covers: subscribe.historyLength, subscribe.lastIds, publishMessage.webForward
-- covers: sendPrivateMessage.encrypt, sendPrivateMessage.webForward
-- covers: Channel.getName, Channel.isPrivate, Channel.getMessages, Channel.clearMessages, Channel.getLastId
-- covers: Message.getSender, Message.getContent
local support = require("support")

local alice, bob = support.connected("alice"), support.connected("bob")
local both = { alice, bob }
local room = "room" .. TRANSPORT
support.subscribed(alice, room)
support.subscribed(bob, room)

local list = alice:getPublicChannels()
support.equal(#list, 1)
local channel = list[room]
assert(channel == list[1] and channel == alice:getPublicChannels()[room], "one object for one channel")
support.equal(channel:getName(), room)
support.equal(channel:isPrivate(), false)
support.equal(channel:getLastId(), 0)
support.equal(#channel:getMessages(), 0)
list[1] = nil
support.equal(#alice:getPublicChannels(), 1, "the list is a copy")
local count = 0
for _ in pairs(alice:getPublicChannels()) do count = count + 1 end
support.equal(count, 1, "pairs visits each channel once")

-- The messages at the time of the event, and no later ones.
local seen = {}
function alice:onChatMessages(name, messages)
    support.equal(name, room)
    for _, message in ipairs(messages) do
        seen[#seen + 1] = message:getSender() .. ":" .. message:getContent()
    end
    local cached = channel:getMessages()
    support.equal(#cached, #seen, "messages in the channel during the event")
    support.equal(channel:getLastId(), #seen, "last id during the event")
    support.equal(cached[#cached]:getContent(), messages[#messages]:getContent())
end
for i = 1, 5 do assert(bob:publishMessage(room, "m" .. i) == true) end
assert(bob:publishMessage(room, "m6", { webForward = true }) == true)
support.until_true(both, function() return #seen == 6 end, "six messages")
support.equal(table.concat(seen, " "), "bob:m1 bob:m2 bob:m3 bob:m4 bob:m5 bob:m6")
channel:clearMessages()
support.equal(#channel:getMessages(), 0)
support.equal(channel:getLastId(), 6)

-- History.
local carol = support.connected("carol")
support.subscribed(carol, room, { historyLength = 2 })
local messages = support.wait_for(carol, "onChatMessages")[3]
support.equal(#messages, 2)
support.equal(messages[2]:getContent(), "m6")
local dave = support.connected("dave")
support.subscribed(dave, room, { historyLength = -1, lastIds = { 3 } })
messages = support.wait_for(dave, "onChatMessages")[3]
support.equal(messages[1]:getContent(), "m4")

-- Private messages.
assert(alice:sendPrivateMessage("bob", "hello", { encrypt = true, webForward = true }) == true)
local event = support.wait_for(bob, "onPrivateMessage")
support.equal(event[2], "alice")
support.equal(event[3]:getSender(), "alice")
support.equal(event[3]:getContent(), "hello")
local private = bob:getPrivateChannels()
support.equal(#private, 1)
support.equal(private.alice:getName(), "alice")
support.equal(private.alice:isPrivate(), true)
support.equal(#private.alice:getMessages(), 1)
-- The sender gets its own message in the channel of the other user.
event = support.wait_for(alice, "onPrivateMessage")
support.equal(event[2], "bob")
support.equal(event[3]:getSender(), "alice")

-- Unsubscribing.
local from = #alice.trace + 1
assert(alice:unsubscribe({ room }) == true)
local results = support.wait_for(alice, "onUnsubscribeResult", from)[2]
support.equal(results[room], true)
support.equal(#alice:getPublicChannels(), 0)
support.equal(channel:getLastId(), 6, "an object stays valid")
support.subscribed(alice, room)
assert(alice:getPublicChannels()[room] == channel, "the same channel is the same object")

-- Refused arguments.
support.equal(alice:subscribe("room"), false)
support.equal(alice:subscribe({ a = 1 }), false)
support.equal(alice:subscribe(nil), false)
support.equal(alice:subscribe({}), false)
support.equal(alice:publishMessage(room, nil), false)
support.equal(alice:subscribe({ "a", "b" }, { lastIds = { 1 } }), false)

for _, client in ipairs({ alice, bob, carol, dave }) do client:disconnect() end
support.equal(#alice:getPublicChannels(), 0, "no channel is subscribed any more")
support.equal(alice:subscribe({ room }), false)
