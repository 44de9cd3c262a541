-- A message: its sender and its content. It never changes.
local Message = {}
Message.__index = Message

function Message:getSender() return self[1] end
function Message:getContent() return self[2] end

return Message
