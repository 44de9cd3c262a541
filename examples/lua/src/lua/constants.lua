local constants = {}

constants.UserStatus = {
    Offline = 0, Invisible = 1, Online = 2, Away = 3, Dnd = 4, Lfg = 5, Playing = 6,
}

-- Return codes of the servers. Spec: chat.md 1.5.
constants.ErrorCode = {
    Ok = 0,
    InternalServerError = -1,
    InvalidOperation = -2,
    OperationNotAllowedInCurrentState = -3,
    InvalidAuthentication = 32767,
    GameIdAlreadyExists = 32766,
    GameFull = 32765,
    GameClosed = 32764,
    AlreadyMatched = 32763,
    ServerFull = 32762,
    UserBlocked = 32761,
    NoRandomMatchFound = 32760,
    GameDoesNotExist = 32758,
    MaxCcuReached = 32757,
    InvalidRegion = 32756,
    CustomAuthenticationFailed = 32755,
    AuthenticationTicketExpired = 32753,
    PluginReportedError = 32752,
    PluginMismatch = 32751,
    HttpLimitReached = 32745,
    ExternalHttpCallFailed = 32744,
    OperationLimitReached = 32743,
    SlotError = 32742,
    InvalidEncryptionParameters = 32741,
}

constants.CustomAuthenticationType = { Custom = 0, Steam = 1, Facebook = 2, None = 255 }

return constants
