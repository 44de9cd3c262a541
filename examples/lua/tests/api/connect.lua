-- covers: new, state, appId, appVersion, logger, setUserId, getUserId, service
-- covers: connectToRegionFrontEnd, connectToNameServer, isConnectedToNameServer, isConnectedToFrontEnd
-- covers: disconnect, onStateChange, getRegions, onGetRegionsResult, StateToName, reset
-- covers: State.Uninitialized, State.ConnectingToNameServer, State.ConnectedToNameServer
-- covers: State.ConnectingToFrontEnd, State.ConnectedToFrontEnd, State.Disconnected
local support = require("support")
local photon = require("photon")
local ChatClient = require("photon.chat.ChatClient")

local client = ChatClient.new(SERVER, "app", "1.0")
assert(client.state == 0 and client.appId == "app" and client.appVersion == "1.0")
assert(client:getUserId() == nil)
client:setUserId("alice")
assert(client:getUserId() == "alice")

local states = {}
function client:onStateChange(state)
    assert(self == client and self.state == state)
    states[#states + 1] = state
    support.equal(self:isConnectedToNameServer(), state == 2, "isConnectedToNameServer in " .. state)
    support.equal(self:isConnectedToFrontEnd(), state == 4, "isConnectedToFrontEnd in " .. state)
    support.equal(self:subscribe({ "a" }), state == 4, "subscribe in " .. state)
end
client.logger:setLevel(0)

-- State 1 fires before the call returns.
assert(client:connectToRegionFrontEnd("eu") == true)
support.equal(table.concat(states, " "), "1")
assert(client:connectToNameServer() == false)
support.until_true(client, function() return client.state == 4 end)
support.equal(table.concat(states, " "), "1 2 3 4")
assert(client:connectToRegionFrontEnd("eu") == false)
client:disconnect()
support.equal(table.concat(states, " "), "1 2 3 4 10")
client:disconnect()
support.equal(table.concat(states, " "), "1 2 3 4 10")
support.equal(ChatClient.StateToName(10), "Disconnected")
support.equal(ChatClient.StateToName(-1), "Error")

-- The name server alone, and its regions.
local second = support.client("bob")
second:getRegions()
local result = support.find(second, "onGetRegionsResult")
support.equal(result[2], 3001, "regions without a connection")
support.equal(next(result[4]), nil)
assert(second:connectToNameServer() == true)
support.until_true(second, function() return second:isConnectedToNameServer() end)
local from = #second.trace + 1
second:getRegions()
second:getRegions()
result = support.wait_for(second, "onGetRegionsResult", from)
local _, at = support.find(second, "onGetRegionsResult", from)
support.wait_for(second, "onGetRegionsResult", at + 1) -- Each call has a result.
support.equal(result[2], 0)
assert(type(result[4].eu) == "string", photon.common.util.tableutil.toStringReq(result[4]))
assert(second:connectToRegionFrontEnd("eu") == true)
support.until_true(second, function() return second.state == 4 end)

-- reset ends the connection without a callback.
from = #second.trace + 1
second:reset()
support.equal(second.state, 0)
support.equal(support.find(second, "onStateChange", from), nil, "a callback of reset")
second:reset(true)
support.equal(second.state, 0)
support.until_true(second, function() return second.state == 4 end, "reset(true) connects")
support.equal(support.find(second, "onStateChange", from)[2], 3)
second:disconnect()

-- The region in the options.
local third = support.client("carol")
assert(third:connectToNameServer({ region = "eu" }) == true)
support.until_true(third, function() return third.state == 4 end)
third:disconnect()
