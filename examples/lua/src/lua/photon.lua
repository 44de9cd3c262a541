local rust, modules = ...
local dispatch = modules["photon.dispatch"]

local photon = {
    chat = {
        ChatClient = modules["photon.chat.ChatClient"],
        Channel = modules["photon.chat.Channel"],
        Message = modules["photon.chat.Message"],
        constants = modules["photon.chat.constants"],
    },
    common = {
        Logger = modules["photon.common.Logger"],
        util = { tableutil = modules["photon.common.util.tableutil"] },
    },
    null = rust.null,
    now = rust.now,
}

local function check(name, argument, value, expected)
    if type(value) ~= expected then
        error(("photon.%s: %s must be a %s, got %s"):format(
            name, argument, expected, value == nil and "nil" or type(value)), 3)
    end
end

function photon.bytes(data)
    check("bytes", "data", data, "string")
    return rust.bytes(data)
end

function photon.custom(code, data)
    check("custom", "code", code, "number")
    check("custom", "data", data, "string")
    if code < 0 or code > 255 or code ~= math.floor(code) then
        error("photon.custom: code must be a number from 0 to 255, got " .. code, 2)
    end
    return rust.custom(code, data)
end

-- photon.int(n), photon.double(n) and the like force the type of a number.
for name, convert in pairs(rust.numbers) do
    photon[name] = function(number)
        if not (name == "long" and type(number) == "string") then
            check(name, "number", number, "number")
        end
        local value, why = convert(number)
        if not value then error("photon." .. name .. ": " .. tostring(number) .. ": " .. why, 2) end
        return value
    end
end

function photon.sleep(seconds)
    check("sleep", "seconds", seconds, "number")
    -- NaN is no time.
    if seconds == seconds then rust.sleep(seconds) end
end
rust.sleep_checked = photon.sleep

-- The longest wait before a condition is looked at again: it may depend on more than the clients.
local MAX_WAIT = 0.02
-- With many clients their sockets are looked at this often.
local MAX_WAIT_OF_MANY = 0.005

local function wait(clients, cores, seconds)
    if #clients == 1 then
        cores[1].handle:wait(seconds)
        return
    end
    seconds = math.min(seconds, MAX_WAIT_OF_MANY)
    for _, core in ipairs(cores) do
        seconds = math.min(seconds, core.handle:timeout() or seconds)
    end
    if seconds > 0 then rust.sleep(seconds) end
end

-- Services a client, or a list of them, for a number of seconds, or until a function returns true.
-- Returns whether the time is over, or the function returned true.
function photon.run(clients, limit)
    local CORE = rust.CORE
    local all = clients
    if type(clients) == "table" and clients[CORE] then all = { clients } end
    check("run", "clients", all, "table")
    local cores = {}
    for i, client in ipairs(all) do
        local core = type(client) == "table" and client[CORE]
        if not core then error("photon.run: clients[" .. i .. "] must be a client, got " .. type(client), 2) end
        if dispatch.is_running(core) then
            error("photon.run: called inside a callback of the client, which could not end", 2)
        end
        cores[i] = core
    end
    local is_done = type(limit) == "function" and limit
    if not is_done then check("run", "limit", limit, "number") end
    local deadline = not is_done and rust.now() + limit
    while true do
        for _, client in ipairs(all) do client:service() end
        local left = MAX_WAIT
        if is_done then
            if is_done() then return true end
        else
            left = deadline - rust.now()
            -- So that NaN is no endless time.
            if not (left > 0) then return true end
        end
        wait(all, cores, left)
    end
end

return photon
