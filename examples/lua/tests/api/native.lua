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

-- Expected values: a change only if nobody was faster.
local refused
local responses = {}
function alice:onOperationResponse(code, text, operation)
    responses[operation] = code
    if code ~= 0 then refused = text end
end
function alice.native.onErrorInfo(_, event) refused = event end
local function topic() return bob.native:getProperties(public).topic end
assert(alice.native:setChannelProperties(public, { topic = "old" }, { expected = { topic = "other" } }))
support.until_true(both, function() return refused end, "the refusal")
support.equal(topic(), "news")
assert(alice.native:setChannelProperties(public, { topic = "more" }, { expected = { topic = "news" }, webForward = true }))
support.until_true(both, function() return topic() == "more" end, "the change")
assert(alice.native:setUserProperties(public, "alice", { mood = "new" }, { expected = { age = photon.null } }))
support.until_true(both, function() return bob.native:getProperties(public, "alice").mood == "new" end)
support.raises("ChatClient.native.setChannelProperties: properties must be a table, got string", function()
    alice.native:setChannelProperties(public, "news")
end)
support.raises("native.setUserProperties: userId must be a string, got table", function()
    alice.native:setUserProperties(public, {})
end)
support.raises("options.expected must be a table with names as keys", function()
    alice.native:setChannelProperties(public, { a = 1 }, { expected = { 1 } })
end)
support.raises("self must be client.native", function() alice.native.statistics() end)

-- Any operation: 0 subscribes.
assert(alice.native:sendOperation(0, { [0] = { "other" .. TRANSPORT } }) == true)
support.until_true(both, function() return responses[0] end, "a response")
support.equal(responses[0], 0)
assert(alice.native:sendOperation(199, nil, { encrypt = true }) == true)
support.until_true(both, function() return responses[199] end, "a response to an unknown operation")
assert(responses[199] ~= 0)
support.equal((alice.native:sendOperation(230)), false)
support.raises("code must be a number from 0 to 255, got 256", function() alice.native:sendOperation(256) end)
support.raises("a key of parameters must be a number from 0 to 255, got x", function()
    alice.native:sendOperation(0, { x = 1 })
end)

-- Statistics.
local statistics = alice.native:statistics()
assert(statistics.receivedMessages > 0 and statistics.gaps == 0 and statistics.work > 0)
assert(statistics.io.reads > 0 and statistics.channelBytes > 0 and statistics.closedWithUnsentData == 0)
support.equal(statistics.udp ~= nil, TRANSPORT == "udp")

-- A misspelt option.
support.raises("options.native.atempts is no option", function()
    support.client("x", { native = { atempts = 3 } })
end)
support.raises("options.native.attempts must be an integer number, got 1.5", function()
    support.client("x", { native = { restore = true, attempts = 1.5 } })
end)
support.raises("options.native.restore must be a boolean, got string", function()
    support.client("x", { native = { restore = "yes" } })
end)

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

-- State that outlives the program.
assert(carol:addFriends({ "bob" }) == true)
support.until_true(carol, function() return support.find(carol, "onUserStatusUpdate") end)
local text = carol.native:keep()
support.equal(type(text), "string")
carol:disconnect()
support.until_true({ carol, alice, bob }, function() return carol.state == 10 end)
support.subscribed(bob, kept)
assert(bob:publishMessage(kept, "missed") == true)
support.wait_for(bob, "onChatMessages")
local next_run = support.client(nil, {
    native = {
        kept = text, restore = true, waitingTime = 1.5, channelsAtATime = 8, attempts = 3,
        queueBytes = 1000, askForCredentials = false, restoreStatus = true, silenceTimeout = 20,
    },
})
next_run:setUserId("carol")
restored = nil
function next_run.native.onRestored(self, event)
    restored = event
    support.equal(#self:getPublicChannels(), 1, "the channel is back")
end
assert(next_run:connectToRegionFrontEnd("eu") == true)
support.until_true({ next_run, bob }, function() return restored end)
support.equal(restored.channels, 1)
local missed = support.wait_for(next_run, "onChatMessages")
support.equal(missed[3][1]:getContent(), "missed")
support.equal(next_run:getPublicChannels()[kept]:getLastId(), 1)
support.raises("options.native.kept is not what native:keep returned", function()
    support.client("x", { native = { kept = "damaged" } })
end)
for _, client in ipairs({ alice, bob, next_run }) do client:disconnect() end
