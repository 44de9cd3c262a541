-- The channel objects of a client. Listed channels keep theirs, because scripts store fields in them;
-- those that are gone are found again as long as the script holds them.
local _, modules = ...
local Channel = modules["photon.chat.Channel"]

local channels = {}

local function bind(core, name, private, object)
    object[Channel.DATA] = {
        name = name,
        private = private,
        handle = core.handle:channel(name, private),
    }
    core.objects[private][name] = object
    core.gone[private][name] = nil
end

function channels.object(core, name, private)
    local object = core.objects[private][name]
    if not object then
        object = core.gone[private][name] or setmetatable({}, Channel)
        bind(core, name, private, object)
    end
    return object
end

-- A channel is subscribed again: an object of the script follows it.
function channels.revive(core, name)
    local object = core.objects[false][name] or core.gone[false][name]
    if object then bind(core, name, false, object) end
end

function channels.release(core, name, private)
    core.gone[private][name] = core.objects[private][name]
    core.objects[private][name] = nil
end

-- Returns an array of channels that also has them by name.
function channels.list(core, private)
    local names, by_name = core.handle:channel_names(private), {}
    for i, name in ipairs(names) do
        local object = channels.object(core, name, private)
        names[i], by_name[name] = object, object
    end
    return setmetatable(names, { __index = by_name })
end

return channels
