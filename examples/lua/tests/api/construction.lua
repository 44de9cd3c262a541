-- covers: new(table), new.encryptedAuthentication, new.crcEnabled, setCustomAuthentication
-- covers: logger.error, logger.warn, logger.info, logger.debug, logger.trace, setLogLevel
local support = require("support")
local ChatClient = require("photon.chat.ChatClient")
local Logger = require("photon.common.Logger")

local function goes_online(client, ...)
    client.logger.level = 0
    client:setUserId("user")
    assert(client:connectToRegionFrontEnd("eu") == true)
    support.until_true(client, function() return client.state == 4 or client.state == -1 end)
    support.equal(client.state, 4)
    support.equal(client.appId, "app")
    support.equal(client.appVersion, "1.0")
    client:disconnect()
end

goes_online(ChatClient.new(SERVER, "app", "1.0"))
goes_online(ChatClient.new({ SERVER, "app", "1.0" }))
goes_online(ChatClient.new({ serverAddress = SERVER, appId = "app", appVersion = "1.0" }))
goes_online(ChatClient.new({ serverAddress = SERVER, appId = "app", appVersion = "1.0" }, { crcEnabled = true }))
goes_online(ChatClient.new({ SERVER }, "app", "1.0"))
goes_online(ChatClient.new({ serverAddress = { SERVER, SERVER }, appId = "app", appVersion = "1.0" }))
goes_online(ChatClient.new(SERVER, "app", "1.0", { encryptedAuthentication = false }))
goes_online(ChatClient.new(SERVER, "app", "1.0", { encryptedAuthentication = true, crcEnabled = true }))

local client = ChatClient.new(SERVER, "app", "1.0")
client:setCustomAuthentication("token=1&user=me")
client:setCustomAuthentication("token=1", 0, "data")
client:setCustomAuthentication("token=1", 1, { 1, 2, 255 })
client:setCustomAuthentication("token=1", 0, { name = "value" })
client:setCustomAuthentication(nil, 255)
goes_online(client)
support.raises("setCustomAuthentication: type must be a number from 0 to 255, got 256",
    function() client:setCustomAuthentication("", 256) end)
support.raises("data is a list, but not of bytes", function() client:setCustomAuthentication("", 0, { 256 }) end)

-- The logger prints what its level allows.
local lines, real_print = {}, print
print = function(...) lines[#lines + 1] = table.concat({ ... }, "\t") end
client:setLogLevel(Logger.Level.DEBUG)
client.logger:error("e", 1)
client.logger:warn("w")
client.logger:info("i", nil, true)
client.logger:debug("d")
client.logger:trace("t")
client:setLogLevel(Logger.Level.ERROR)
client.logger:warn("not shown")
print = real_print
support.equal(#lines, 4)
support.equal(lines[1], "ERROR ChatClient e 1")
support.equal(lines[3], "INFO ChatClient i nil true")
support.equal(Logger.Level.TRACE, 5)
support.equal(Logger.Level.FATAL, 0)
