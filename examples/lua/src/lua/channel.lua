-- The place of the channel's data. A table as the key clashes with no field of a script.
local DATA = {}

local Channel = { DATA = DATA }
Channel.__index = Channel

function Channel:getName() return self[DATA].name end
function Channel:isPrivate() return self[DATA].private end
function Channel:getLastId() return self[DATA].handle:last_id() end
function Channel:getMessages() return self[DATA].handle:messages() end
function Channel:clearMessages() self[DATA].handle:clear() end

return Channel
