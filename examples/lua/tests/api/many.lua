-- covers: many clients
local support = require("support")
local photon = require("photon")
local ChatClient = require("photon.chat.ChatClient")

-- 100 clients, 10,000 messages: Lua's memory does not grow.
local clients, received = {}, 0
local room = "many" .. TRANSPORT
for i = 1, 100 do
    local client = ChatClient.new(SERVER, "app", "1.0")
    client.logger.level = 0
    client:setUserId("user" .. i)
    function client:onStateChange(state)
        if state == 4 then assert(self:subscribe({ room })) end
    end
    local ready = false
    function client:onSubscribeResult(results) self.ready = results[room] end
    function client:onChatMessages(_, messages) received = received + #messages end
    assert(client:connectToRegionFrontEnd("eu"))
    clients[i] = client
end
local function run_until(condition)
    local give_up = photon.now() + 60
    photon.run(clients, function() return condition() or photon.now() > give_up end)
    assert(condition(), "timed out")
end
run_until(function()
    for _, client in ipairs(clients) do
        if not client.ready then return false end
    end
    return true
end)
local function round(count)
    local expected = received + count * #clients
    for i = 1, count do assert(clients[i]:publishMessage(room, ("text"):rep(20) .. i)) end
    run_until(function() return received == expected end)
end
local function memory()
    collectgarbage()
    collectgarbage()
    return collectgarbage("count")
end
round(50)
local before = memory()
round(50)
local after = memory()
support.equal(received, 10000)
-- 5,000 messages take more than 500 KiB; Lua 5.4 does not return all memory in one collection.
assert(after < before + 64, ("memory grew from %.0f to %.0f KiB"):format(before, after))

-- Clients that the collector takes while they are connected.
clients = nil
assert(memory() < before)
