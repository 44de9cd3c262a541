-- covers: hostile scripts
local support = require("support")
local photon = require("photon")
local ChatClient = require("photon.chat.ChatClient")

-- Callbacks that raise, for every message: each error surfaces once, and no message is lost.
local alice, bob = support.connected("alice"), support.connected("bob")
local room = "hostile" .. TRANSPORT
support.subscribed(alice, room)
support.subscribed(bob, room)
local received, errors = 0, 0
function alice:onChatMessages(_, messages)
    received = received + #messages
    error("message " .. received)
end
for i = 1, 50 do assert(bob:publishMessage(room, i)) end
local give_up = photon.now() + 20
while received < 50 and photon.now() < give_up do
    if not pcall(photon.run, { alice, bob }, 0.01) then errors = errors + 1 end
end
support.equal(received, 50)
support.equal(errors, 50)
support.equal(alice:getPublicChannels()[room]:getLastId(), 50)
alice.onChatMessages = nil

-- Texts of the greatest length, and beyond.
local longest
for _, length in ipairs({ 1000, 32000, 200000, 1000000, 10000000 }) do
    if alice:publishMessage(room, ("x"):rep(length)) then longest = length end
    support.equal(alice:setUserStatus(2, ("x"):rep(10000000)), false)
end
assert(longest)
assert(alice:publishMessage(("c"):rep(10000000), "x") == false)
assert(alice:subscribe({ ("c"):rep(10000000) }) == false)
support.raises("channelName is not UTF-8", alice.publishMessage, alice, "\255", "x")
support.raises("channelNames[1] is not UTF-8", alice.subscribe, alice, { "\255" })
alice:setCustomAuthentication(("p"):rep(100000), 0, {})

-- A script that never reads its channels: each keeps its newest messages.
local count = 0
function bob:onChatMessages(_, messages) count = count + #messages end
support.until_true(bob, function() return bob:getPublicChannels()[room] end)
local before = collectgarbage("count")
for i = 1, 300 do
    local text = ("y"):rep(5000) .. i
    while not alice:publishMessage(room, text) do photon.run({ alice, bob }, 0.005) end
end
support.until_true(bob, function() return count >= 300 end, "300 messages")
support.equal(#bob:getPublicChannels()[room]:getMessages(), 100)
collectgarbage()
collectgarbage()
assert(collectgarbage("count") < before + 3000, "messages that nobody reads are not Lua's")

-- Clients that the collector takes while they connect, are connected, and have data to send.
for i = 1, 20 do
    local client = ChatClient.new(SERVER, "app", "1.0")
    client:setUserId("gone" .. i)
    client:connectToRegionFrontEnd("eu")
    for _ = 1, i do client:service() end
end
collectgarbage()
collectgarbage()

-- Objects outlive their client.
local message, channel
do
    local client = ChatClient.new(SERVER, "app", "1.0")
    client.logger.level = 0
    client:setUserId("short")
    client:connectToRegionFrontEnd("eu")
    support.until_true(client, function() return client.state == 4 end)
    client:subscribe({ room }, { historyLength = 1 })
    support.until_true(client, function()
        local list = client:getPublicChannels()
        return list[1] and list[1]:getMessages()[1]
    end)
    channel = client:getPublicChannels()[1]
    message = channel:getMessages()[1]
end
collectgarbage()
collectgarbage()
support.equal(message:getSender(), "alice")
support.equal(channel:getName(), room)
support.equal(#channel:getMessages(), 1)
channel:clearMessages()
channel:getLastId()

-- A callback that connects and disconnects for ever ends its call.
local mad = ChatClient.new(SERVER, "app", "1.0")
mad.logger.level = 0
local calls = 0
function mad:onStateChange(state)
    calls = calls + 1
    if state == 1 then self:disconnect() else self:connectToNameServer() end
end
mad:connectToNameServer()
assert(calls > 10 and calls < 100000)
mad.onStateChange = nil
mad:disconnect()

-- Metatables that fail, and objects that are none.
local strange = setmetatable({}, { __index = function() error("strange") end })
support.raises("strange", ChatClient.service, strange)
support.raises("self must be a client", ChatClient.service, 5)
support.raises("self must be a client", ChatClient.service, "text")
local channels = alice:getPublicChannels()
support.raises("", channels[1].getMessages, {})
alice:disconnect()
bob:disconnect()
