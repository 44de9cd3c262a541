-- A lobby chat: joins a channel, shows its last messages, writes a line and leaves after some time.
--   photon-lua scripts/lobby.lua [NAME] [TEXT] [SECONDS] [SERVER]
local ok, photon = pcall(require, "plugin.photon")
if not ok then photon = require("photon") end
local ChatClient = require("photon.chat.ChatClient")

local name, text, seconds = arg[1] or "guest", arg[2] or "hello", tonumber(arg[3]) or 3
local client = ChatClient.new(arg[4] or "udp://127.0.0.1:5058", "app", "1.0")
client:setUserId(name)

function client:onStateChange(state)
    print("state: " .. ChatClient.StateToName(state))
    if state == ChatClient.State.ConnectedToFrontEnd then
        self:subscribe({ "lobby" }, { historyLength = 10 })
    end
end

function client:onSubscribeResult(results)
    if results.lobby then self:publishMessage("lobby", text) end
end

function client:onChatMessages(channelName, messages)
    for _, message in ipairs(messages) do
        print(("[%s] %s: %s"):format(channelName, message:getSender(), tostring(message:getContent())))
    end
end

function client:onError(code, message)
    print("error " .. code .. ": " .. message)
    os.exit(1)
end

client:connectToRegionFrontEnd("eu")
photon.run(client, seconds)
