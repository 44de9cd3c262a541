-- covers: finalizers
local support = require("support")

-- The collector runs a script's finalizers wherever something is allocated, also inside a getter. What
-- they call must find the client free.
local alice = support.connected("alice", { native = { confirmMessages = true } })
local room = "finalizers" .. TRANSPORT
support.subscribed(alice, room)
local channel = alice:getPublicChannels()[room]

local is_active, calls, failures = true, 0, {}
local function attempt(name, run, ...)
    local ok, err = pcall(run, ...)
    if not ok then failures[#failures + 1] = name .. ": " .. tostring(err) end
end
local function use()
    attempt("clearMessages", channel.clearMessages, channel)
    attempt("getMessages", channel.getMessages, channel)
    attempt("getUserId", alice.getUserId, alice)
    attempt("publishMessage", alice.publishMessage, alice, room, { "x" })
    attempt("sendPrivateMessage", alice.sendPrivateMessage, alice, "bob", "\195\164")
    attempt("subscribe", alice.subscribe, alice, { room })
    attempt("setUserId", alice.setUserId, alice, "alice")
    attempt("service", alice.service, alice)
end
local function on_collection(run)
    if newproxy then
        getmetatable(newproxy(true)).__gc = run
    else
        setmetatable({}, { __gc = run })
    end
end
local function again()
    if not is_active then return end
    calls = calls + 1
    on_collection(again)
    -- Not in itself.
    is_active = false
    use()
    is_active = true
end
on_collection(again)
local pause, speed = collectgarbage("setpause", 0), collectgarbage("setstepmul", 100000)
-- The pause counts from the end of the next collection on.
collectgarbage()
for i = 1, 8 do
    local text = ("text " .. i .. " "):rep(20)
    use()
    attempt("publish", alice.publishMessage, alice, room, { text, { [text] = text } })
    attempt("refused", alice.subscribe, alice, { room, "another" }, { lastIds = { 1 } })
    attempt("getPublicChannels", alice.getPublicChannels, alice)
    attempt("getPrivateChannels", alice.getPrivateChannels, alice)
    attempt("statistics", alice.native.statistics, alice.native)
    attempt("getSubscribers", alice.native.getSubscribers, alice.native, room)
    attempt("getProperties", alice.native.getProperties, alice.native, room)
    attempt("setChannelProperties", alice.native.setChannelProperties, alice.native, room, { [text] = text })
end
collectgarbage("setpause", pause)
collectgarbage("setstepmul", speed)
is_active = false
assert(calls > 5, "the collector ran " .. calls .. " times")
assert(#failures == 0, #failures .. " failures: " .. tostring(failures[1]))
alice:disconnect()
