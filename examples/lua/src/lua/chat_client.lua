local rust, modules = ...
local arguments = modules["photon.arguments"]
local Native = modules["photon.native"]
local channels = modules["photon.channels"]
local Logger = modules["photon.common.Logger"]
local constants = modules["photon.chat.constants"]
local dispatch = modules["photon.dispatch"]
local check, check_strings = arguments.check, arguments.check_strings
local check_int, is_int, is_list = arguments.check_int, arguments.is_int, arguments.is_list

-- The place of a client's data in its instance. A table as the key clashes with no field of a
-- script, and is found through the metatables of a derived or wrapping object.
local CORE = {}

local ChatClient = {}
ChatClient.__index = ChatClient
rust.CORE = CORE

ChatClient.State = {
    Error = -1,
    Uninitialized = 0,
    ConnectingToNameServer = 1,
    ConnectedToNameServer = 2,
    ConnectingToFrontEnd = 3,
    ConnectedToFrontEnd = 4,
    Disconnected = 10,
}

ChatClient.PeerErrorCode = {
    Ok = 0,
    FrontEndError = 1001,
    FrontEndConnectFailed = 1002,
    FrontEndConnectClosed = 1003,
    FrontEndTimeout = 1004,
    FrontEndEncryptionEstablishError = 1005,
    FrontEndAuthenticationFailed = 1101,
    NameServerError = 3001,
    NameServerConnectFailed = 3002,
    NameServerConnectClosed = 3003,
    NameServerTimeout = 3004,
    NameServerEncryptionEstablishError = 3005,
    NameServerAuthenticationFailed = 3101,
}

-- Returns a function that finds the name of a value. It may be called with a dot or a colon.
local function namer(enum)
    return function(value, second)
        if type(value) == "table" then value = second end
        for name, number in pairs(enum) do
            if number == value then return name end
        end
    end
end

ChatClient.StateToName = namer(ChatClient.State)
ChatClient.UserStatusToName = namer(constants.UserStatus)
ChatClient.PeerErrorCodeToName = namer(ChatClient.PeerErrorCode)

-- The clients without their metatables: the shortest way to the one that is called most. A value
-- leads to its key, so both are weak.
local cores = setmetatable({}, { __mode = "kv" })

local function core_of(self, name)
    local kind = type(self)
    local core = (kind == "table" or kind == "userdata") and self[CORE]
    if not core then
        error("ChatClient." .. name .. ": self must be a client, got " .. kind .. " (call it with a colon)", 3)
    end
    return core
end

-- Turns the answer of the client into the documented result.
local function settle(self, name, ok, why)
    if ok == nil then error("ChatClient." .. name .. ": " .. why, 3) end
    if not ok then
        local logger = self.logger
        if type(logger) == "table" and logger.warn then logger:warn(name .. ": " .. why) end
    end
    return ok
end

-- The client.

local function addresses(value)
    if type(value) == "string" then return { value } end
    if not is_list(value) or #value == 0 then
        local got = type(value) == "table" and "a table without a list of addresses" or type(value)
        error("ChatClient.new: serverAddress must be a string or a table, got " .. got, 3)
    end
    check_strings("new", "serverAddress", value)
    return value
end

-- The options beyond the page. A name that is not among them is a typing error.
local NATIVE_OPTIONS = {
    confirmMessages = "boolean", silenceTimeout = "number", kept = "string", restore = "boolean",
    waitingTime = "number", channelsAtATime = "integer", attempts = "integer", queueBytes = "integer",
    askForCredentials = "boolean", restoreStatus = "boolean",
}

local function check_native(options)
    for name, value in pairs(options) do
        local expected = NATIVE_OPTIONS[name]
        if not expected then
            error("ChatClient.new: options.native." .. tostring(name) .. " is no option", 3)
        end
        if expected == "integer" then
            check_int("new", "options.native." .. name, value)
        elseif type(value) ~= expected then
            error(("ChatClient.new: options.native.%s must be a %s, got %s"):format(
                name, expected, type(value)), 3)
        end
    end
end

function ChatClient.new(serverAddress, appId, appVersion, options)
    if type(serverAddress) == "table" then
        local all = serverAddress
        if appId == nil or type(appId) == "table" then
            -- Everything is in the table: by name or by position.
            options = appId or options or all.options
            serverAddress = all.serverAddress or all[1]
            appId = all.appId or all[2]
            appVersion = all.appVersion or all[3]
        elseif all.serverAddress ~= nil then
            serverAddress = all.serverAddress
        end
    end
    local server_addresses = addresses(serverAddress)
    check("new", "appId", appId, "string")
    check("new", "appVersion", appVersion, "string")
    check("new", "options", options, "table", true)
    options = options or {}
    check("new", "options.encryptedAuthentication", options.encryptedAuthentication, "boolean", true)
    check("new", "options.crcEnabled", options.crcEnabled, "boolean", true)
    check("new", "options.native", options.native, "table", true)
    if options.native then check_native(options.native) end
    local handle, why = rust.new_client({
        serverAddress = server_addresses,
        appId = appId,
        appVersion = appVersion,
        encryptionOff = options.encryptedAuthentication == false,
        crc = options.crcEnabled == true,
        native = options.native,
    }, rust.append_messages)
    if not handle then error("ChatClient.new: " .. why, 2) end
    local self = setmetatable({}, ChatClient)
    local core = {
        handle = handle,
        owner = self,
        running = false,
        waiting = {},
        region_calls = 0,
        channels = channels,
        objects = { [true] = {}, [false] = {} },
        gone = {
            [true] = setmetatable({}, { __mode = "v" }),
            [false] = setmetatable({}, { __mode = "v" }),
        },
    }
    dispatch.prepare(core)
    cores[self] = core
    core.native = Native.new(self, core)
    self[CORE] = core
    self.native = core.native
    self.state = ChatClient.State.Uninitialized
    self.appId = appId
    self.appVersion = appVersion
    self.logger = Logger.new("ChatClient")
    return self
end

-- What one call handles at most, if the client has more work at once.
local MAX_ROUNDS = 64

function ChatClient:service()
    local core = cores[self] or core_of(self, "service")
    if core.running and dispatch.is_running(core) then return end
    local handle, advance = core.handle, core.advance
    for _ = 1, MAX_ROUNDS do
        local has_events, more = advance(handle)
        if has_events or core.waiting[1] then dispatch.run(self, core) end
        if not more then return end
    end
end

function ChatClient:setUserId(id)
    local core = core_of(self, "setUserId")
    check("setUserId", "id", id, "string")
    settle(self, "setUserId", core.handle:set_user_id(id))
end

function ChatClient:getUserId()
    local core = core_of(self, "getUserId")
    local id = core.handle:user_id()
    if id ~= "" then return id end
end

function ChatClient:setCustomAuthentication(params, kind, data)
    local core = core_of(self, "setCustomAuthentication")
    check("setCustomAuthentication", "params", params, "string", true)
    check_int("setCustomAuthentication", "type", kind, true)
    kind = kind or constants.CustomAuthenticationType.Custom
    if kind < 0 or kind > 255 then
        error("ChatClient.setCustomAuthentication: type must be a number from 0 to 255, got " .. kind, 2)
    end
    settle(self, "setCustomAuthentication", core.handle:set_authentication(params, kind, data))
end

function ChatClient:connectToNameServer(options)
    local core = core_of(self, "connectToNameServer")
    check("connectToNameServer", "options", options, "table", true)
    local region = options and options.region
    check("connectToNameServer", "options.region", region, "string", true)
    local ok = settle(self, "connectToNameServer", core.handle:connect_to_name_server(region))
    dispatch.run(self, core)
    return ok
end

function ChatClient:connectToRegionFrontEnd(region)
    local core = core_of(self, "connectToRegionFrontEnd")
    check("connectToRegionFrontEnd", "region", region, "string")
    local ok = settle(self, "connectToRegionFrontEnd", core.handle:connect_to_region_front_end(region))
    dispatch.run(self, core)
    return ok
end

function ChatClient:getRegions()
    local core = core_of(self, "getRegions")
    local ok, why = core.handle:get_regions()
    if not ok and core.handle:is_asking_for_regions() then
        core.region_calls = core.region_calls + 1
    elseif not ok then
        local code = ChatClient.PeerErrorCode.NameServerError
        table.insert(core.waiting, { "onGetRegionsResult", code, why, {} })
        dispatch.run(self, core)
    end
end

function ChatClient:isConnectedToNameServer()
    return core_of(self, "isConnectedToNameServer").owner.state == ChatClient.State.ConnectedToNameServer
end

function ChatClient:isConnectedToFrontEnd()
    return core_of(self, "isConnectedToFrontEnd").owner.state == ChatClient.State.ConnectedToFrontEnd
end

function ChatClient:disconnect()
    local core = core_of(self, "disconnect")
    core.handle:disconnect()
    dispatch.run(self, core)
end

function ChatClient:reset(connect)
    local core = core_of(self, "reset")
    if core.handle:reset(connect and true or false) then
        core.owner.state = ChatClient.State.Uninitialized
    end
    dispatch.run(self, core)
end

function ChatClient:setLogLevel(level)
    local core = core_of(self, "setLogLevel")
    check_int("setLogLevel", "level", level)
    if level < 0 or level > 5 then
        error("ChatClient.setLogLevel: level must be a number from 0 to 5, got " .. level, 2)
    end
    if type(self.logger) == "table" and self.logger.setLevel then self.logger:setLevel(level) end
    core.handle:set_log_level(level)
end

function ChatClient:subscribe(channelNames, options)
    local core = core_of(self, "subscribe")
    if not is_list(channelNames) then return false end
    check_strings("subscribe", "channelNames", channelNames)
    local history, ids = options, nil
    if type(options) ~= "number" then
        check("subscribe", "options", options, "table", true)
        history, ids = nil, nil
        if options then history, ids = options.historyLength, options.lastIds end
    end
    check_int("subscribe", "options.historyLength", history, true)
    check("subscribe", "options.lastIds", ids, "table", true)
    if ids then
        for i = 1, #ids do check_int("subscribe", "options.lastIds[" .. i .. "]", ids[i]) end
    end
    local ok = settle(self, "subscribe", core.handle:subscribe(channelNames, history, ids))
    return ok
end

function ChatClient:unsubscribe(channelNames)
    local core = core_of(self, "unsubscribe")
    check("unsubscribe", "channelNames", channelNames, "table")
    if not is_list(channelNames) then return false end
    check_strings("unsubscribe", "channelNames", channelNames)
    local ok = settle(self, "unsubscribe", core.handle:unsubscribe(channelNames))
    return ok
end

local function options_of(name, options, field)
    local value = options and options[field]
    if value ~= nil and type(value) ~= "boolean" then
        error(("ChatClient.%s: options.%s must be a boolean, got %s"):format(name, field, type(value)), 3)
    end
    return value or false
end

function ChatClient:publishMessage(channelName, content, options)
    local core = core_of(self, "publishMessage")
    check("publishMessage", "channelName", channelName, "string")
    check("publishMessage", "options", options, "table", true)
    local web_forward = options_of("publishMessage", options, "webForward")
    local ok, number = core.handle:publish(channelName, content, web_forward)
    core.native.lastMessage = ok and number or nil
    ok = settle(self, "publishMessage", ok, number)
    return ok
end

function ChatClient:sendPrivateMessage(userId, content, options)
    local core = core_of(self, "sendPrivateMessage")
    check("sendPrivateMessage", "userId", userId, "string")
    check("sendPrivateMessage", "options", options, "table", true)
    local web_forward = options_of("sendPrivateMessage", options, "webForward")
    local encrypt = options_of("sendPrivateMessage", options, "encrypt")
    local ok, number = core.handle:send_private(userId, content, web_forward, encrypt)
    core.native.lastMessage = ok and number or nil
    ok = settle(self, "sendPrivateMessage", ok, number)
    return ok
end

function ChatClient:setUserStatus(status, statusMessage, skipMessage)
    local core = core_of(self, "setUserStatus")
    if not is_int(status) then return false end
    check("setUserStatus", "skipMessage", skipMessage, "boolean", true)
    local ok, why = core.handle:set_user_status(status, statusMessage, skipMessage or false)
    ok = settle(self, "setUserStatus", ok, why)
    return ok
end

function ChatClient:addFriends(userIds)
    local core = core_of(self, "addFriends")
    check("addFriends", "userIds", userIds, "table")
    if not is_list(userIds) then return false end
    check_strings("addFriends", "userIds", userIds)
    local ok = settle(self, "addFriends", core.handle:change_friends(userIds, true))
    return ok
end

function ChatClient:removeFriends(userIds)
    local core = core_of(self, "removeFriends")
    check("removeFriends", "userIds", userIds, "table")
    if not is_list(userIds) then return false end
    check_strings("removeFriends", "userIds", userIds)
    local ok = settle(self, "removeFriends", core.handle:change_friends(userIds, false))
    return ok
end

function ChatClient:getPublicChannels()
    return channels.list(core_of(self, "getPublicChannels"), false)
end

function ChatClient:getPrivateChannels()
    return channels.list(core_of(self, "getPrivateChannels"), true)
end

-- The callbacks. Scripts override them.

function ChatClient:onStateChange(state) end

function ChatClient:onError(errorCode, errorMsg)
    local logger = self.logger
    if type(logger) == "table" and logger.error then
        logger:error("error", errorCode, errorMsg)
    end
end

function ChatClient:onGetRegionsResult(errorCode, errorMsg, regions) end
function ChatClient:onSubscribeResult(results) end
function ChatClient:onUnsubscribeResult(results) end
function ChatClient:onChatMessages(channelName, messages) end
function ChatClient:onPrivateMessage(channelName, message) end
function ChatClient:onUserStatusUpdate(userId, status, gotMessage, statusMessage) end
function ChatClient:onOperationResponse(errorCode, errorMsg, opCode, params) end
function ChatClient:onEvent(code, content, actorNr) end

-- A class without a callback has the default, too.
dispatch.defaults = {}
for name, value in pairs(ChatClient) do
    if name:match("^on%u") then dispatch.defaults[name] = value end
end

return ChatClient
