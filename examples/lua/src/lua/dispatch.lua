-- Runs callbacks: one event at a time, never inside each other, and so that errors and coroutines
-- of the script pass unchanged. Rust could not: an error that crosses it becomes another value, and
-- a coroutine cannot yield across it.
local rust, modules = ...
local Message = modules["photon.chat.Message"]
local unpack = unpack or table.unpack
local dispatch = {}

-- A callback that connects and one that disconnects could otherwise keep one call busy for ever.
local MAX_EVENTS = 10000

-- The last error of a callback, and the traceback of the place that raised it.
local last = {}

local function on_error(err)
    last.value, last.traceback = err, rust.traceback(2)
    return err
end

function dispatch.traceback_of(err)
    if err ~= nil and rawequal(err, last.value) then return last.traceback end
end

-- Runs a function of the program, and returns its success, the error and the traceback.
function dispatch.run_program(run, ...)
    local arguments, count = { ... }, select("#", ...)
    local traceback
    local ok, err = xpcall(function()
        return run(unpack(arguments, 1, count))
    end, function(err)
        traceback = dispatch.traceback_of(err) or rust.traceback(2)
        return err
    end)
    return ok, err, traceback
end

-- Calls a callback of the object on which the script called.
local function call(self, name, ...)
    local callback = self[name] or dispatch.defaults[name]
    callback(self, ...)
end

local take = {}

function take.onStateChange(self, core, state)
    core.owner.state = state
    -- A copy of the instance has a field of its own.
    if self ~= core.owner and type(self) == "table" and rawget(self, "state") ~= nil then
        self.state = state
    end
    call(self, "onStateChange", state)
end

function take.reset(_, core)
    core.owner.state = 0
end

function take.authenticated() end

function take.onChatMessages(self, core, channel, count)
    local messages, before = {}, 0
    repeat
        before = #messages
        rust.append_messages(messages, core.handle:more_messages())
    until #messages >= count or #messages == before
    call(self, "onChatMessages", channel, messages)
end

function take.onPrivateMessage(self, _, channel, sender, content)
    call(self, "onPrivateMessage", channel, setmetatable({ sender, content }, Message))
end

function take.onSubscribeResult(self, core, results)
    for name, done in pairs(results) do
        if done then core.channels.revive(core, name) end
    end
    call(self, "onSubscribeResult", results)
end

function take.onUnsubscribeResult(self, core, results)
    for name, done in pairs(results) do
        if done then core.channels.release(core, name, false) end
    end
    call(self, "onUnsubscribeResult", results)
end

function take.onGetRegionsResult(self, core, ...)
    -- The calls while a request was on its way share its result, and each gets one.
    local calls = core.region_calls
    core.region_calls = 0
    for _ = 0, calls do call(self, "onGetRegionsResult", ...) end
end

function take.native(self, core, name, event)
    if name == "onConversationForgotten" then core.channels.release(core, event.user, true) end
    local callback = core.native[name]
    if callback then callback(self, event) end
end

-- Delivers one event. Returns whether there was one.
local function deliver_one(self, core, name, ...)
    if not name then return false end
    local special = take[name]
    if special then
        special(self, core, ...)
    else
        call(self, name, ...)
    end
    return true
end

local function deliver(self, core)
    local handle, waiting = core.handle, core.waiting
    for _ = 1, MAX_EVENTS do
        -- Results that a call without a connection caused. They follow the callback of that call.
        local result = table.remove(waiting, 1)
        if result then
            call(self, result[1], result[2], result[3], result[4])
        elseif not deliver_one(self, core, handle:next_event()) then
            return
        end
    end
end

-- Runs a coroutine to its end. What it yields is for whoever resumes the script's own coroutine.
local function drive(core, worker, ok, ...)
    if not ok then return false, (...) end
    if coroutine.status(worker) == "dead" then return true end
    core.yields = true
    return drive(core, worker, coroutine.resume(worker, dispatch.back(core, coroutine.yield(...))))
end

function dispatch.back(core, ...)
    core.yields = false
    return ...
end

-- Returns whether a callback of this client has begun and not ended.
function dispatch.is_running(core)
    if not core.running then return false end
    local worker = core.worker
    -- Another coroutine finished the callback, or its coroutine could not yield and left by an error.
    local is_left = worker
        and (coroutine.status(worker) == "dead"
            or core.yields and coroutine.status(core.thread) ~= "suspended")
    if is_left then
        core.running, core.worker, core.yields = false, nil, false
    end
    return core.running
end

-- Delivers all events that wait. Inside a callback it does nothing: they follow that callback.
function dispatch.run(self, core)
    if dispatch.is_running(core) then return end
    core.running = true
    local ok, err
    local thread, is_main = coroutine.running()
    if thread == nil or is_main then
        ok, err = xpcall(function() deliver(self, core) end, on_error)
    else
        -- Lua 5.1 cannot yield across pcall, so the callbacks run in a coroutine of their own.
        core.thread, core.worker = thread, coroutine.create(deliver)
        ok, err = drive(core, core.worker, coroutine.resume(core.worker, self, core))
        core.thread, core.worker = nil, nil
    end
    core.running = false
    -- Level 0 keeps the value as it is. What has not been delivered follows in the next call.
    if not ok then error(err, 0) end
end

return dispatch
