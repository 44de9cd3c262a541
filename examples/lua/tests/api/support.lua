-- What the test scripts share. `SERVER` is the address of the development server.
local photon = require("photon")
local ChatClient = require("photon.chat.ChatClient")

local support = {}
local users = 0
-- All clients of the script: what one waits for, another has to send.
local all = {}

-- Services all clients until the condition holds.
function support.until_true(client, condition, what)
    local give_up = photon.now() + 20
    local clients, is_known = {}, {}
    for i, one in ipairs(all) do clients[i], is_known[one] = one, true end
    for _, one in ipairs(client[1] and client or { client }) do
        if not is_known[one] then clients[#clients + 1] = one end
    end
    local met = photon.run(clients, function()
        return condition() or photon.now() > give_up
    end)
    assert(met and condition(), "timed out: " .. (what or "condition"))
end

-- Makes a client that records its callbacks in `client.trace`, as names and arguments.
function support.client(user, options)
    local client = ChatClient.new(SERVER, "app", "1.0", options)
    users = users + 1
    client:setUserId(user or ("user" .. users))
    client.trace = {}
    all[#all + 1] = client
    client.logger.level = 0
    for name in pairs(ChatClient) do
        if name:match("^on%u") then
            client[name] = function(self, ...)
                table.insert(self.trace, { name, ... })
            end
        end
    end
    return client
end

function support.connected(user, options)
    local client = support.client(user, options)
    assert(client:connectToRegionFrontEnd("eu") == true)
    support.until_true(client, function() return client:isConnectedToFrontEnd() end, "connected")
    return client
end

-- Returns the first recorded callback of this name, from `from` on.
function support.find(client, name, from)
    for i = from or 1, #client.trace do
        if client.trace[i][1] == name then return client.trace[i], i end
    end
end

-- Waits for a callback.
function support.wait_for(client, name, from)
    support.until_true(client, function() return support.find(client, name, from) end, name)
    return support.find(client, name, from)
end

function support.subscribed(client, channel, options)
    local from = #client.trace + 1
    assert(client:subscribe({ channel }, options) == true)
    local result = support.wait_for(client, "onSubscribeResult", from)
    assert(result[2][channel] == true)
end

function support.equal(got, expected, what)
    if got ~= expected then
        error(("%s: got %s, expected %s"):format(what or "value", tostring(got), tostring(expected)), 2)
    end
end

-- Calls a function that must raise an error with this text in it, and returns the error.
function support.raises(text, run, ...)
    local ok, err = pcall(run, ...)
    assert(not ok, "no error was raised: " .. text)
    assert(tostring(err):find(text, 1, true), "another error: " .. tostring(err))
    return err
end

return support
