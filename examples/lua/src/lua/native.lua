-- `client.native`: its functions and callbacks, under names that the page does not have.
local _, modules = ...
local arguments = modules["photon.arguments"]
local dispatch = modules["photon.dispatch"]
local check, check_int, is_int = arguments.check, arguments.check_int, arguments.is_int

local Native = {}
Native.__index = Native
local NATIVE = {}

function Native.new(owner, core)
    return setmetatable({ [NATIVE] = { owner = owner, core = core } }, Native)
end

-- Returns the data of `client.native`, like `core_of` of a client.
local function data_of(self, name, level)
    local data = type(self) == "table" and self[NATIVE]
    if not data then
        error("ChatClient.native." .. name .. ": self must be client.native, got " .. type(self)
            .. " (call it with a colon)", level or 3)
    end
    return data
end

-- Raises a mistake of the script, three levels up.
local function answer(name, ok, why)
    if ok == nil and why then error("ChatClient.native." .. name .. ": " .. why, 3) end
    return ok, why
end

-- A function without arguments that may cause events.
local function native(name, method)
    Native[name] = function(self)
        local data = data_of(self, name)
        local handle = data.core.handle
        local ok, why = answer(name, handle[method](handle))
        dispatch.run(data.owner, data.core)
        return ok, why
    end
end

native("reconnect", "native_reconnect")
native("suspend", "native_suspend")
native("resume", "native_resume")
native("networkChanged", "native_network_changed")
native("simulateConnectionLoss", "native_simulate_loss")

function Native:statistics()
    return data_of(self, "statistics").core.handle:native_statistics()
end

-- Returns a text to store. The next run of the program passes it to `new`, as `native.kept`.
function Native:keep()
    local ok, why = answer("keep", data_of(self, "keep").core.handle:native_keep())
    return ok, why
end

function Native:getSubscribers(channelName)
    local handle = data_of(self, "getSubscribers").core.handle
    check("native.getSubscribers", "channelName", channelName, "string")
    return handle:native_subscribers(channelName)
end

function Native:getProperties(channelName, userId)
    local handle = data_of(self, "getProperties").core.handle
    check("native.getProperties", "channelName", channelName, "string")
    check("native.getProperties", "userId", userId, "string", true)
    return handle:native_properties(channelName, userId)
end

-- The functions that call it are one level more below the script.
local function set_properties(self, name, channelName, userId, properties, options)
    local handle = data_of(self, name, 4).core.handle
    check("native." .. name, "channelName", channelName, "string", false, 4)
    check("native." .. name, "properties", properties, "table", false, 4)
    check("native." .. name, "options", options, "table", true, 4)
    local expected = options and options.expected
    check("native." .. name, "options.expected", expected, "table", true, 4)
    local web_forward = options and options.webForward
    check("native." .. name, "options.webForward", web_forward, "boolean", true, 4)
    return handle:native_set_properties(channelName, userId, properties, expected, web_forward or false)
end

-- Sets properties of a channel. With `options.expected`, a table of properties, the server changes
-- nothing unless each of them has this value; `photon.null` stands for a missing one.
function Native:setChannelProperties(channelName, properties, options)
    local name = "setChannelProperties"
    local ok, why = answer(name, set_properties(self, name, channelName, nil, properties, options))
    return ok, why
end

function Native:setUserProperties(channelName, userId, properties, options)
    local name = "setUserProperties"
    check("native." .. name, "userId", userId, "string")
    local ok, why = answer(name, set_properties(self, name, channelName, userId, properties, options))
    return ok, why
end

-- Subscribes to a channel that publishes its subscribers, and may limit their number.
function Native:subscribe(channelName, publishSubscribers, maxSubscribers, options)
    local handle = data_of(self, "subscribe").core.handle
    check("native.subscribe", "channelName", channelName, "string")
    check_int("native.subscribe", "maxSubscribers", maxSubscribers, true)
    check("native.subscribe", "options", options, "table", true)
    options = options or {}
    check_int("native.subscribe", "options.historyLength", options.historyLength, true)
    check_int("native.subscribe", "options.lastId", options.lastId, true)
    check("native.subscribe", "options.orPlain", options.orPlain, "boolean", true)
    local ok, why = answer("subscribe", handle:native_subscribe(
        channelName, publishSubscribers and true or false, maxSubscribers or 0,
        options.historyLength, options.lastId, options.orPlain or false))
    return ok, why
end

-- Sends an operation that this client has no function for. Its response comes with
-- `onOperationResponse`.
function Native:sendOperation(code, parameters, options)
    local handle = data_of(self, "sendOperation").core.handle
    local function check_code(argument, value)
        if not is_int(value) or value < 0 or value > 255 then
            error(("ChatClient.native.sendOperation: %s must be a number from 0 to 255, got %s"):format(
                argument, tostring(value)), 3)
        end
    end
    check_code("code", code)
    check("native.sendOperation", "parameters", parameters, "table", true)
    check("native.sendOperation", "options", options, "table", true)
    local encrypt = options and options.encrypt
    check("native.sendOperation", "options.encrypt", encrypt, "boolean", true)
    for key in pairs(parameters or {}) do check_code("a key of parameters", key) end
    local ok, why = answer("sendOperation",
        handle:native_send_operation(code, parameters or {}, encrypt or false))
    return ok, why
end

return Native
