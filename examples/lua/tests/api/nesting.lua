-- covers: order of callbacks
local support = require("support")
local photon = require("photon")

-- Callbacks never nest, whatever they call, and each sees its own state.
local alice = support.client("alice")
local depth, trace = 0, {}
function alice:onStateChange(state)
    depth = depth + 1
    support.equal(depth, 1, "no callback inside another")
    trace[#trace + 1] = state
    self:service()
    support.equal(self.state, state)
    if state == 2 then
        support.equal(self:isConnectedToNameServer(), true)
        support.equal(self:subscribe({ "a" }), false)
        self:getRegions()
    elseif state == 4 then
        support.equal(self:subscribe({ "a" }), true)
        self:disconnect()
        support.equal(self.state, 4, "the state of this event")
        support.equal(self:subscribe({ "b" }), false, "disconnected meanwhile")
        support.equal(self:connectToRegionFrontEnd("eu"), true)
    end
    if #trace > 6 then self:disconnect() end
    depth = depth - 1
end
function alice:onSubscribeResult(results)
    support.equal(depth, 0)
    support.equal(results.a, false, "the request fails with the connection")
    trace[#trace + 1] = "subscribe"
end
alice:connectToRegionFrontEnd("eu")
support.until_true(alice, function() return alice.state == 10 and #trace > 6 end)
support.equal(table.concat(trace, " "), "1 2 3 4 subscribe 10 1 10")

-- disconnect in every callback.
local bob = support.client("bob")
local count = 0
for _, name in ipairs({ "onStateChange", "onError", "onSubscribeResult", "onGetRegionsResult" }) do
    bob[name] = function(self)
        count = count + 1
        self:disconnect()
        self:service()
    end
end
bob:connectToRegionFrontEnd("eu")
support.equal(bob.state, 10)
support.equal(count, 2)

-- photon.run inside a callback could not end.
local carol = support.client("carol")
function carol:onStateChange() photon.run(self, 1) end
support.raises("photon.run: called inside a callback", carol.connectToRegionFrontEnd, carol, "eu")
carol.onStateChange = nil
carol:disconnect()

-- A result without a connection follows the callback that asked.
local dave = support.client("dave")
local order = {}
function dave:onStateChange(state)
    order[#order + 1] = "begin " .. state
    self:getRegions()
    order[#order + 1] = "end " .. state
end
function dave:onGetRegionsResult(code) order[#order + 1] = "regions " .. code end
dave:connectToRegionFrontEnd("eu")
support.equal(table.concat(order, ", "), "begin 1, end 1, regions 3001")
dave.onStateChange = nil
dave:disconnect()

-- A callback may end another client, and clients may go while they are connected.
local erin = support.client("erin")
function erin:onStateChange(state)
    if state == 4 then alice:connectToRegionFrontEnd("eu") end
end
alice.onStateChange = nil
erin:connectToRegionFrontEnd("eu")
support.until_true(erin, function() return erin.state == 4 and alice.state == 4 end)
