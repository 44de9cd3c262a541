-- covers: errors
local support = require("support")
local ChatClient = require("photon.chat.ChatClient")

-- Wrong arguments name the function, the argument, the expected and the actual type, and the line.
local function wrong(text, run)
    local err = support.raises(text, run)
    assert(err:match("^errors.lua[^:]*:%d+: "), "the line of the script: " .. err)
end
wrong("ChatClient.new: serverAddress must be a string or a table, got nil", function() ChatClient.new() end)
wrong("ChatClient.new: appId must be a string, got nil", function() ChatClient.new("a") end)
wrong("ChatClient.new: appVersion must be a string, got number", function() ChatClient.new("a", "b", 1) end)
wrong("ChatClient.new: options must be a table, got boolean", function() ChatClient.new("a", "b", "c", true) end)
local client = support.client("alice")
wrong("ChatClient.setUserId: id must be a string, got number", function() client:setUserId(5) end)
wrong("ChatClient.connectToRegionFrontEnd: region must be a string, got nil",
    function() client:connectToRegionFrontEnd() end)
wrong("ChatClient.connectToNameServer: options must be a table, got string",
    function() client:connectToNameServer("eu") end)
wrong("ChatClient.publishMessage: channelName must be a string, got nil", function() client:publishMessage() end)
wrong("ChatClient.sendPrivateMessage: options.encrypt must be a boolean, got string",
    function() client:sendPrivateMessage("bob", "x", { encrypt = "yes" }) end)
wrong("ChatClient.subscribe: channelNames[2] must be a string, got number",
    function() client:subscribe({ "a", 5 }) end)
wrong("ChatClient.subscribe: options.historyLength must be an integer number, got string",
    function() client:subscribe({ "a" }, { historyLength = "many" }) end)
wrong("ChatClient.addFriends: userIds must be a table, got string", function() client:addFriends("bob") end)
wrong("ChatClient.setLogLevel: level must be an integer number, got string", function() client:setLogLevel("all") end)
wrong("ChatClient.setLogLevel: level must be a number from 0 to 5, got 9", function() client:setLogLevel(9) end)
wrong("self must be a client", function() client.service() end)
wrong("self must be a client", function() ChatClient.disconnect({}) end)

-- In a wrong state functions return false.
support.equal(client:subscribe({ "a" }), false)
support.equal(client:unsubscribe({ "a" }), false)
support.equal(client:publishMessage("a", "x"), false)
support.equal(client:sendPrivateMessage("bob", "x"), false)
support.equal(client:setUserStatus(2), false)
support.equal(client:addFriends({ "bob" }), false)
support.equal(client:removeFriends({ "bob" }), false)

-- An error in a callback surfaces from the call, with its value. No event is lost.
local value = { "an error value" }
local states = {}
local fails = true
function client:onStateChange(state)
    states[#states + 1] = state
    if fails then error(value) end
end
local ok, err = pcall(client.connectToRegionFrontEnd, client, "eu")
support.equal(ok, false)
support.equal(err, value, "the error of state 1")
local errors = 1
support.until_true(client, function() return true end)
local photon = require("photon")
while #states < 4 do
    ok, err = pcall(photon.run, client, 0.01)
    if not ok then
        support.equal(err, value)
        errors = errors + 1
    end
end
support.equal(table.concat(states, " "), "1 2 3 4")
support.equal(errors, 4)
ok, err = pcall(client.disconnect, client)
support.equal(err, value)
support.equal(client.state, 10)
fails = false
assert(client:connectToRegionFrontEnd("eu") == true)
support.until_true(client, function() return client.state == 4 end)

-- A text has the line that raised it.
function client:onStateChange() error("oops") end
ok, err = pcall(client.disconnect, client)
assert(not ok and err:match("^errors.lua[^:]*:%d+: oops$"), err)
-- A callback that is no function is an error of the script, too.
client.onStateChange = nil
assert(client:connectToRegionFrontEnd("eu"))
client.onStateChange = 5
ok, err = pcall(client.disconnect, client)
assert(not ok and err:find("call"), err)
client.onStateChange = nil

-- nil as the error.
assert(client:connectToRegionFrontEnd("eu"))
function client:onStateChange() error(nil) end
ok, err = pcall(client.disconnect, client)
support.equal(ok, false)
client.onStateChange = nil
client:service()
