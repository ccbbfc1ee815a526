file(GLOB chat_formats CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/models/chat/*.yaml)
dear_embed(dear_text chat_formats ${chat_formats})
