-- Runs callbacks: one event at a time, never inside each other, and so that errors and coroutines
-- of the script pass unchanged. Rust could not: an error that crosses it becomes another value, and
-- a coroutine cannot yield across it.
local rust, modules = ...
local Message = modules["photon.chat.Message"]
local unpack = unpack or table.unpack
local setmetatable = setmetatable
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

-- What happens for each event. Those that only call have their number of arguments here: a callback
-- may count them.
local take = {}

-- The kinds of events with messages, which are frequent: nothing is between them and their callbacks.
local CHAT_MESSAGES, CHAT_MESSAGE, PRIVATE_MESSAGE = 1, 2, 3

take[CHAT_MESSAGES] = function(self, _, channel, list)
    local callback = self.onChatMessages or dispatch.defaults.onChatMessages
    callback(self, channel, list)
end

-- An event with a single message.
take[CHAT_MESSAGE] = function(self, _, channel, sender, content)
    local callback = self.onChatMessages or dispatch.defaults.onChatMessages
    callback(self, channel, { setmetatable({ sender, content }, Message) })
end

take[PRIVATE_MESSAGE] = function(self, _, channel, sender, content)
    local callback = self.onPrivateMessage or dispatch.defaults.onPrivateMessage
    callback(self, channel, setmetatable({ sender, content }, Message))
end

function take.onError(self, _, code, text) call(self, "onError", code, text) end
function take.onUserStatusUpdate(self, _, user, status, got_message, message)
    call(self, "onUserStatusUpdate", user, status, got_message, message)
end
function take.onOperationResponse(self, _, code, text, operation, parameters)
    call(self, "onOperationResponse", code, text, operation, parameters)
end
function take.onEvent(self, _, code, content, actor) call(self, "onEvent", code, content, actor) end

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

function take.onGetRegionsResult(self, core, code, text, regions)
    -- The calls while a request was on its way share its result, and each gets one.
    local calls = core.region_calls
    core.region_calls = 0
    for _ = 0, calls do call(self, "onGetRegionsResult", code, text, regions) end
end

function take.native(self, core, name, event)
    if name == "onConversationForgotten" then core.channels.release(core, event.user, true) end
    local callback = core.native[name]
    if callback then callback(self, event) end
end

local function deliver(self, core)
    local handle, next_event, waiting = core.handle, core.next_event, core.waiting
    for _ = 1, MAX_EVENTS do
        -- Results that a call without a connection caused. They follow the callback of that call.
        if waiting[1] then
            local result = table.remove(waiting, 1)
            call(self, result[1], result[2], result[3], result[4])
        else
            local name, a, b, c, d = next_event(handle)
            if not name then return end
            take[name](self, core, a, b, c, d)
        end
    end
end

-- Prepares what each call of `service` needs: making a function and looking up a method cost more
-- than the rest of it.
function dispatch.prepare(core)
    core.advance, core.next_event = core.handle.service, core.handle.next_event
    function core.deliver() deliver(core.caller, core) end
end

-- Whether a coroutine can yield across xpcall, as everywhere but in Lua 5.1.
local yields_across_xpcall
do
    local thread = coroutine.create(function() xpcall(coroutine.yield, on_error) end)
    coroutine.resume(thread)
    yields_across_xpcall = coroutine.status(thread) == "suspended"
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
    local thread, worker = core.thread, core.worker
    -- Another coroutine finished the callback, or its coroutine was closed, or could not yield and left
    -- by an error.
    local is_left = thread
        and (coroutine.status(thread) == "dead"
            or worker and coroutine.status(worker) == "dead"
            or worker and core.yields and coroutine.status(thread) ~= "suspended")
    if is_left then
        core.running, core.thread, core.worker, core.yields, core.caller = false, nil, nil, false, nil
    end
    return core.running
end

-- Delivers all events that wait. Inside a callback it does nothing: they follow that callback.
function dispatch.run(self, core)
    if core.running and dispatch.is_running(core) then return end
    core.running = true
    local ok, err
    local thread, is_main = coroutine.running()
    if is_main then thread = nil end
    if not thread or yields_across_xpcall then
        core.thread = thread
        -- Lua 5.1 passes no arguments through xpcall.
        core.caller = self
        ok, err = xpcall(core.deliver, on_error)
        core.thread, core.caller = nil, nil
    else
        -- The callbacks run in a coroutine of their own, which gives no traceback.
        core.thread, core.worker = thread, coroutine.create(deliver)
        ok, err = drive(core, core.worker, coroutine.resume(core.worker, self, core))
        core.thread, core.worker = nil, nil
    end
    core.running = false
    -- Level 0 keeps the value as it is. What has not been delivered follows in the next call.
    if not ok then error(err, 0) end
end

return dispatch
