-- covers: overriding
local support = require("support")
local ChatClient = require("photon.chat.ChatClient")

-- Two levels of derivation, and a mixin.
local calls = {}
local Base = setmetatable({}, { __index = ChatClient })
Base.__index = Base
function Base.new(...)
    local self = setmetatable(ChatClient.new(...), Base)
    self.logger.level = 0
    self.count = 0
    return self
end
function Base:onStateChange(state)
    ChatClient.onStateChange(self, state)
    calls[#calls + 1] = "base " .. state
    self.count = self.count + 1
end
local Derived = setmetatable({}, { __index = Base })
Derived.__index = Derived
function Derived.new(...) return setmetatable(Base.new(...), Derived) end
function Derived:onStateChange(state)
    Base.onStateChange(self, state)
    calls[#calls + 1] = "derived " .. state
end
for name, method in pairs({ greet = function(self) return "I am " .. self:getUserId() end }) do
    Derived[name] = method
end

local client = Derived.new(SERVER, "app", "1.0")
client:setUserId("alice")
support.equal(client:greet(), "I am alice")
assert(client:connectToRegionFrontEnd("eu"))
support.equal(table.concat(calls, ", "), "base 1, derived 1")
support.until_true(client, function() return client.state == 4 end)
support.equal(client.count, 4)

-- An instance's own callback, and its default again.
local own = 0
function client:onStateChange() own = own + 1 end
client:disconnect()
support.equal(own, 1)
client.onStateChange = nil
calls = {}
assert(client:connectToRegionFrontEnd("eu"))
support.equal(table.concat(calls, ", "), "base 1, derived 1")
client:disconnect()

-- A wrapper by __index: callbacks go to the object that is serviced.
local inner = support.client("bob")
inner.onStateChange = nil
local wrapper = setmetatable({ states = {} }, { __index = inner })
function wrapper:onStateChange(state)
    assert(self == wrapper and self.state == state)
    table.insert(self.states, state)
end
assert(wrapper:connectToRegionFrontEnd("eu"))
support.until_true(wrapper, function()
    wrapper:service()
    return wrapper:isConnectedToFrontEnd()
end)
wrapper:disconnect()
support.equal(wrapper.states[1], 1)
support.equal(wrapper.states[#wrapper.states], 10)

-- An overridden method is the one that a script calls.
local loud = support.client("carol")
local published = {}
function loud:publishMessage(channel, content)
    published[#published + 1] = content
    return ChatClient.publishMessage(self, channel, content)
end
support.equal(loud:publishMessage("room", "x"), false)
support.equal(published[1], "x")

-- Fields of any name are the script's.
client.name, client[1], client.handle, client.core = "n", "one", "h", "c"
support.equal(client.state, 10)
support.equal(client.handle, "h")

-- A callback of the class that was set to nil is the default.
local before = ChatClient.onError
ChatClient.onError = nil
local quiet = ChatClient.new("tcp://127.0.0.1:1", "app", "1.0")
quiet.logger.level = 0
assert(quiet:connectToRegionFrontEnd("eu"))
support.until_true(quiet, function() return quiet.state == -1 end)
ChatClient.onError = before
