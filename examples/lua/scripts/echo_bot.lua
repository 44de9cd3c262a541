-- A bot that answers every private message, for some time.
--   photon-lua scripts/echo_bot.lua [SECONDS] [SERVER]
local photon = require("photon")
local ChatClient = require("photon.chat.ChatClient")
local UserStatus = require("photon.chat.constants").UserStatus

-- A class of its own, derived from the client.
local EchoBot = setmetatable({}, { __index = ChatClient })
EchoBot.__index = EchoBot

function EchoBot.new(...)
    local self = setmetatable(ChatClient.new(...), EchoBot)
    self.answered = 0
    return self
end

function EchoBot:onPrivateMessage(channelName, message)
    -- The own messages come back, too.
    if message:getSender() == self:getUserId() then return end
    self.answered = self.answered + 1
    self:sendPrivateMessage(channelName, { echo = message:getContent(), number = self.answered })
    print("answered " .. channelName)
end

function EchoBot:onStateChange(state)
    if state == ChatClient.State.ConnectedToFrontEnd then
        -- So that friends lists show it.
        self:setUserStatus(UserStatus.Online, "I answer what you write")
        print("ready")
    end
end

local bot = EchoBot.new(arg[2] or "udp://127.0.0.1:5058", "app", "1.0")
bot:setUserId("echo")
bot:connectToRegionFrontEnd("eu")
photon.run(bot, tonumber(arg[1]) or 60)
print("answered " .. bot.answered .. " messages")
