-- covers: coroutines
local support = require("support")
local ChatClient = require("photon.chat.ChatClient")

local function client(user)
    local self = ChatClient.new(SERVER, "app", "1.0")
    self.logger.level = 0
    self:setUserId(user)
    return self
end

-- service inside a coroutine, and a callback that yields through it.
local alice = client("alice")
local states = {}
function alice:onStateChange(state)
    local answer = coroutine.yield("state", state)
    states[#states + 1] = state .. answer
end
local task = coroutine.create(function()
    alice:connectToRegionFrontEnd("eu")
    while alice.state ~= 4 or #states < 4 do
        alice:service()
        coroutine.yield("idle")
    end
    return "done"
end)
local answer
while true do
    local ok, what, state = coroutine.resume(task, answer)
    assert(ok, what)
    answer = nil
    if what == "state" then
        alice:service() -- A callback has not ended: nothing happens.
        answer = "!" .. state
    elseif what == "done" then
        break
    else
        require("photon").sleep(0.001)
    end
end
support.equal(table.concat(states, " "), "1!1 2!2 3!3 4!4")

-- A coroutine that waits for a callback.
local waiting
function alice:onSubscribeResult(results)
    if waiting then assert(coroutine.resume(waiting, results)) end
end
local got
coroutine.wrap(function()
    assert(alice:subscribe({ "room" }))
    waiting = coroutine.running()
    got = coroutine.yield()
end)()
alice.onStateChange = nil
support.until_true(alice, function() return got end)
support.equal(got.room, true)

-- An error inside a callback inside a coroutine keeps its value.
local value = {}
function alice:onStateChange() error(value) end
local failing = coroutine.create(function() alice:disconnect() end)
local ok, err = coroutine.resume(failing)
support.equal(ok, false)
support.equal(err, value)
support.equal(alice.state, 10)
-- The client continues.
alice.onStateChange = nil
assert(alice:connectToRegionFrontEnd("eu"))
support.until_true(alice, function() return alice.state == 4 end)
alice:disconnect()
